"""The files that a fixture describes, in a folder that ends with its run.

Knows nothing of applications or of what is asked for.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import comparison

# Stands for the folder in configurations and in targets of links.
PLACEHOLDER = "$files"
# When files were changed whose fixture does not say so: 2001-09-09 01:46:40 UTC.
MODIFIED_SECONDS = 1_000_000_000


@contextmanager
def config_of(fixture: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The configuration of a fixture, while its files are there."""
    config = fixture.get("config", {})
    if "files" not in fixture:
        yield config
        return
    with tempfile.TemporaryDirectory() as folder:
        for file in fixture["files"]:
            make(folder, file)
        mounts = [
            mount | {"directory": mount["directory"].replace(PLACEHOLDER, folder)}
            for mount in config["static_files"]
        ]
        yield config | {"static_files": mounts}


def make(folder: str, file: dict[str, Any]) -> None:
    """Make one file, folder, link or FIFO."""
    path = Path(os.fsdecode(os.path.join(os.fsencode(folder), unquote_to_bytes(file["path"]))))
    path.parent.mkdir(parents=True, exist_ok=True)
    if "symlink" in file:
        path.symlink_to(file["symlink"].replace(PLACEHOLDER, folder))
    elif "folder" in file:
        path.mkdir(parents=True)
    elif "fifo" in file:
        os.mkfifo(path)
    else:
        path.write_bytes(comparison.bytes_of(file))
        modified = file.get("modified", MODIFIED_SECONDS)
        if modified is not None:
            os.utime(path, (modified, modified))
