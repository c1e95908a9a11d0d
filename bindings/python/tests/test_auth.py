"""Tokens that other libraries sign, and what handlers see of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

import behaviors
from spikard import ApiKeyConfig, Claims, ConfigError, JwtConfig, Request, ServerConfig, Spikard
from spikard.testing import TestClient

jwt = pytest.importorskip("jwt")
FAR = 32_503_680_000
SECRET = "a shared secret that is as long as the longest of the hashes is!"
CLAIMS = {"sub": "ada", "exp": FAR, "roles": ["admin"]}


def bearer(claims: dict[str, Any], key: Any = SECRET, algorithm: str = "HS256") -> dict[str, str]:
    return {"authorization": "Bearer " + jwt.encode(claims, key, algorithm)}


def guarded(**knobs: Any) -> ServerConfig:
    return ServerConfig(jwt_auth=JwtConfig(secret=SECRET, **knobs))


def private_key(algorithm: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm.startswith("ES"):
        curves = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
        return ec.generate_private_key(curves[algorithm]())
    return rsa.generate_private_key(65_537, 2_048)


def public_pem(key: Any) -> str:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def me() -> Spikard:
    app = Spikard()

    @app.get("/me")
    def read(request: Request) -> Any:
        return {"claims": request.claims, "state": request.state}

    return app


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_tokens_of_pyjwt_with_a_secret(algorithm: str) -> None:
    with TestClient(me(), config=guarded(algorithm=algorithm)) as client:
        reply = client.get("/me", headers=bearer(CLAIMS, SECRET, algorithm))
        assert reply.json() == {"claims": CLAIMS, "state": {"claims": CLAIMS}}
        assert client.get("/me", headers=bearer(CLAIMS, SECRET * 2, algorithm)).status_code == 401


@pytest.mark.parametrize(
    "algorithm", ["RS256", "RS384", "RS512", "PS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
def test_tokens_of_pyjwt_with_a_key(algorithm: str, tmp_path: Any) -> None:
    key = private_key(algorithm)
    path = tmp_path / "key.pem"
    path.write_text(public_pem(key))
    document = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key()))
    for given in (
        {"public_key": public_pem(key)},
        {"public_key": str(path)},
        {"jwks": {"keys": [{**document, "kid": "one", "use": "sig", "key_ops": ["verify"]}]}},
    ):
        config = {"jwt_auth": {"algorithm": algorithm, **given}}
        with TestClient(me(), config=config) as client:
            reply = client.get("/me", headers=bearer(CLAIMS, key, algorithm))
            assert reply.json()["claims"] == CLAIMS
            other = bearer(CLAIMS, private_key(algorithm), algorithm)
            assert client.get("/me", headers=other).status_code == 401


def test_claims_become_what_the_annotation_says() -> None:
    @dataclass
    class User:
        sub: str
        roles: list[str]

    class Model(BaseModel):
        sub: str

    app = Spikard(guarded())

    @app.get("/user")
    def user(user: Claims[User]) -> str:
        return f"{type(user).__name__} {user.sub} {user.roles}"

    @app.get("/model")
    def model(*, model: Annotated[Model, Claims()]) -> str:
        return f"{type(model).__name__} {model.sub}"

    @app.get("/dict")
    def plain(claims: Claims[dict[str, Any]]) -> Any:
        return claims

    @app.get("/guest", auth="optional")
    def guest(user: Claims[User | None] = None) -> str:
        return "nobody" if user is None else user.sub

    @app.get("/open", auth="excluded")
    def unguarded(user: Claims[User]) -> str:
        return user.sub

    with TestClient(app) as client:
        headers = bearer(CLAIMS)
        assert client.get("/user", headers=headers).text == "User ada ['admin']"
        assert client.get("/model", headers=headers).text == "Model ada"
        assert client.get("/dict", headers=headers).json() == CLAIMS
        assert client.get("/guest", headers=headers).text == "ada"
        assert client.get("/guest").text == "nobody"
        for path in ("/user", "/guest"):
            misfit = client.get(path, headers=bearer({"sub": 1, "exp": FAR}))
            assert misfit.status_code == 403
            assert misfit.json()["detail"] == (
                "The claims of the JWT are not those that the route asks for"
            )
        # The route lets in whom the handler cannot serve: closed, not open.
        refused = client.get("/open", headers=headers)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


def test_refusals_never_reach_python() -> None:
    app = Spikard(guarded())
    called = []

    @app.get("/me")
    def read() -> None:
        called.append(1)

    with TestClient(app) as client:
        assert client.get("/me").status_code == 401
        assert client.get("/me", headers=bearer({"sub": "ada"})).status_code == 403
        assert called == []
        assert client.get("/me", headers=bearer(CLAIMS)).status_code == 200
        assert called == [1]


def test_api_keys_from_config_objects() -> None:
    config = ServerConfig(api_key_auth=ApiKeyConfig(keys=["one", "two"]))
    with TestClient(me(), config=config) as client:
        assert client.get("/me", headers={"x-api-key": "two"}).status_code == 200
        assert client.get("/me", params={"api_key": "one"}).json()["claims"] is None
        assert client.get("/me", headers={"x-api-key": "three"}).status_code == 401


def test_secrets_are_not_in_reprs() -> None:
    config = ServerConfig(
        jwt_auth=JwtConfig(secret="hunter2"), api_key_auth=ApiKeyConfig(keys=["hunter2"])
    )
    assert "hunter2" not in repr(config)


@pytest.mark.parametrize(
    ("knobs", "fault"),
    [
        ({"public_key": "/no/key.pem", "algorithm": "RS256"}, "/jwt_auth/public_key: the file"),
        ({"jwks": "{", "algorithm": "RS256"}, "/jwt_auth/jwks: it is no JSON object"),
        ({"jwks": {"keys": []}}, "/jwt_auth/jwks: none of the keys can verify HS256"),
    ],
)
def test_keys_that_cannot_serve_are_refused_at_start(knobs: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault), TestClient(me(), config={"jwt_auth": knobs}):
        pass


def test_a_route_that_asks_for_what_is_not_configured_is_refused() -> None:
    app = Spikard()

    @app.get("/me", auth="jwt")
    def read() -> None: ...

    with pytest.raises(ConfigError, match="/me asks for auth"), TestClient(app):
        pass


def test_tokens_that_were_signed_elsewhere() -> None:
    for case in json.loads((behaviors.DATA / "tokens" / "signed.json").read_bytes()):
        if "pem" not in case:
            continue
        knobs = {"algorithm": case["algorithm"], "public_key": case["pem"]}
        with TestClient(me(), config={"jwt_auth": knobs}) as client:
            headers = {"authorization": f"Bearer {case['token']}"}
            assert client.get("/me", headers=headers).status_code == 200, case["name"]
