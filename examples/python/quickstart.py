"""The first program of the manual: two routes, four workers, compression and a rate limit.

Run it with `python examples/python/quickstart.py`, or on another port with
`PORT=9000 ./taskw demo`.
"""

from spikard import Spikard, get
from spikard.config import ServerConfig, CompressionConfig, RateLimitConfig

# Create a simple API
app = Spikard()

@get("/hello")
def hello_world():
    return {"message": "Hello, World!"}

@get("/users/{user_id:int}")
def get_user(user_id: int):
    return {"id": user_id, "name": f"User {user_id}"}

# Configure server with middleware
config = ServerConfig(
    host="0.0.0.0",
    port=8080,
    workers=4,
    compression=CompressionConfig(
        gzip=True,
        brotli=True,
        quality=9
    ),
    rate_limit=RateLimitConfig(
        per_second=100,
        burst=200,
        ip_based=True
    ),
    enable_request_id=True,
    graceful_shutdown=True
)

# Run the server
app.run(config=config)
