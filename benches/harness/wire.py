"""A small HTTP client on blocking sockets, exact about what it has read.

For counting: it does nothing that its caller did not ask for.
"""

import itertools
import socket

ADDRESS_CONNECTIONS_MAX = 20_000
"""Connections from one source address; the kernel has about 28,000 ports for each."""

REPLY_S_MAX = 10


def connect(port, count):
    """Open `count` connections, from as many addresses of 127.0.0.0/8 as their ports need."""
    opened = []
    for index in range(count):
        client = socket.socket()
        client.settimeout(REPLY_S_MAX)
        if count > ADDRESS_CONNECTIONS_MAX:
            client.bind((f"127.0.0.{2 + index // ADDRESS_CONNECTIONS_MAX}", 0))
        client.connect(("127.0.0.1", port))
        opened.append(client)
    return opened


def get(path):
    """Return the bytes of a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path, body, media="application/json"):
    """Return the bytes of a POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {media}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def split_reply(buffer):
    """Return (status, body, bytes taken) of the reply at the start of `buffer`, or None."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = bytes(buffer[:end]).split(b"\r\n")
    length = 0
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    total = end + 4 + length
    if len(buffer) < total:
        return None
    return int(lines[0].split(b" ")[1]), bytes(buffer[end + 4 : total]), total


def ask(client, request):
    """Send a request on an idle connection and return (status, body)."""
    client.sendall(request)
    return read_reply(client)


def read_reply(client):
    """Return (status, body) of the one reply that is due."""
    buffer = bytearray()
    while True:
        piece = client.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {bytes(buffer)!r}")
        buffer += piece
        reply = split_reply(buffer)
        if reply is not None:
            status, body, taken = reply
            if taken != len(buffer):
                raise ConnectionError(f"more than one reply: {bytes(buffer)!r}")
            return status, body


def ask_many(client, request, count):
    """Send a request `count` times, one after the other. Raises unless each is answered 200."""
    for _ in itertools.repeat(None, count):
        status, _ = ask(client, request)
        if status != 200:
            raise ConnectionError(f"answered {status}")
