"""Every part of the configuration at once: limits, tokens, keys, files.

Run it in a folder with a `public` directory. Requests need a token and a key; files need
neither.
"""

from spikard import Request, Spikard

from spikard.config import (
    ServerConfig,
    CompressionConfig,
    RateLimitConfig,
    JwtConfig,
    ApiKeyConfig,
    StaticFilesConfig,
)

config = ServerConfig(
    # Network settings
    host="0.0.0.0",
    port=8080,
    workers=4,

    # Request handling
    enable_request_id=True,
    max_body_size=10 * 1024 * 1024,  # 10MB
    request_timeout=30,

    # Compression middleware
    compression=CompressionConfig(
        gzip=True,
        brotli=True,
        min_size=1024,
        quality=6
    ),

    # Rate limiting (IP-based)
    rate_limit=RateLimitConfig(
        per_second=100,
        burst=200,
        ip_based=True
    ),

    # JWT authentication
    jwt_auth=JwtConfig(
        secret="your-secret-key",
        algorithm="HS256",  # Supports HS256/384/512, RS256/384/512, ES256/384/512, PS256/384/512
        audience=["https://api.example.com"],
        issuer="https://auth.example.com"
    ),

    # API key authentication
    api_key_auth=ApiKeyConfig(
        keys=["secret-key-1", "secret-key-2"],
        header_name="X-API-Key"
    ),

    # Static file serving
    static_files=[
        StaticFilesConfig(
            directory="./public",
            route_prefix="/static",
            cache_control="public, max-age=3600"
        )
    ],

    # Graceful shutdown
    graceful_shutdown=True,
    shutdown_timeout=30
)

app = Spikard()


@app.get("/me")
def me(request: Request):
    return {"subject": request.state["claims"]["sub"], "text": "abc" * 1000}


if __name__ == "__main__":
    app.run(config=config)
