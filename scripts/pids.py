"""An application that tells who answers: what is restarted and killed to see what clients lose.

`scripts/restarts.py` and the tests of the life of servers write a program that begins with this
text and ends with a call of `run`. SECONDS in the environment is how long /slow takes.
"""

import asyncio
import os

from spikard import Spikard

app = Spikard()


@app.get("/pid")
def pid() -> int:
    """Answer at once with the number of the process."""
    return os.getpid()


@app.get("/slow")
async def slow() -> int:
    """Answer later with the number of the process."""
    await asyncio.sleep(float(os.environ.get("SECONDS", "0.5")))
    return os.getpid()
