"""What is sent where a row is no plain GET: the requests, and the wrk scripts that send them."""

import json

from harness.machine import OUT

SEARCH = "/search?term=lamp&limit=20&offset=40&price=12.5&in_stock=true"
"""Five typed query parameters."""


def order():
    """Return an order of about 1 KiB: a nested object, an array, escapes, numbers."""
    lines = [
        {
            "sku": f"SKU-{number:05}",
            "quantity": number + 1,
            "price": 12.5,
            "note": 'leave at the "back" door',
        }
        for number in range(10)
    ]
    document = {
        "id": 48_151_623,
        "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
        "express": True,
        "voucher": None,
        "lines": lines,
    }
    return json.dumps(document, separators=(",", ":"))


def wrk_script(body, media="application/json"):
    """Write the wrk script that posts `body`, and return its path."""
    OUT.mkdir(exist_ok=True)
    path = OUT / "post.lua"
    path.write_text(
        f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "{media}"\nwrk.body = [==[{body}]==]\n'
    )
    return str(path)
