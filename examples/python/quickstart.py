"""The first program of the manual: two routes, four workers.

Run it with `.venv/bin/python examples/python/quickstart.py`; PORT replaces port 8080.
"""

import os

from spikard import Spikard, get
from spikard.config import ServerConfig

app = Spikard()


@get("/hello")
def hello_world():
    return {"message": "Hello, World!"}


@get("/users/{user_id:int}")
def get_user(user_id: int):
    return {"id": user_id, "name": f"User {user_id}"}


config = ServerConfig(
    host="0.0.0.0",
    port=int(os.environ.get("PORT", "8080")),
    workers=4,
    enable_request_id=True,
    graceful_shutdown=True,
)
app.run(config=config)
