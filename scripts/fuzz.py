#!/usr/bin/env python3
"""Fuzzes every target for some seconds, and ends with a table of executions and findings.

usage: scripts/fuzz.py SECONDS [TARGET ...]

libFuzzer needs flags that only a nightly compiler takes by itself; RUSTC_BOOTSTRAP makes the
pinned one take them. Inputs that were found interesting are kept in fuzz/corpus/, those that fail
in fuzz/artifacts/; the exit code is 1 when there is one. Knows nothing of what a target checks.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FUZZ = ROOT / "fuzz"

# What libFuzzer needs to see of the code, and what finds errors of memory in dependencies.
FLAGS = (
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Zsanitizer=address",
    "--cfg=fuzzing",
)

# Longest input: limits of names, depths and counts are within reach.
INPUT_BYTES_MAX = 4096

# Longest that one input may take, in seconds: what takes longer is a finding.
INPUT_SECONDS_MAX = 10

# Most memory that a target may hold, in MiB.
MEMORY_MIB_MAX = 2048


@dataclass(frozen=True)
class Run:
    """What fuzzing one target came to."""

    target: str
    executions: int
    seconds: int
    covered: int
    findings: int


def targets() -> list[str]:
    """Return the names of all targets."""
    return sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs"))


def host() -> str:
    """Return the platform to build for; naming it keeps the flags away from build scripts."""
    told = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return next(line.split()[1] for line in told.splitlines() if line.startswith("host:"))


def build() -> Path:
    """Build all targets and return the folder they are in."""
    triple = host()
    environment = os.environ | {"RUSTC_BOOTSTRAP": "1", "RUSTFLAGS": " ".join(FLAGS)}
    command = ["cargo", "build", "--release", "--target", triple]
    subprocess.run(command, check=True, cwd=FUZZ, env=environment)
    return FUZZ / "target" / triple / "release"


def documents(folder: Path) -> list[Any]:
    """Return what the JSON files below a folder hold."""
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))]


def body_of(request: dict[str, Any]) -> bytes:
    """Return the body of a fixture's request as far as it is written out."""
    body = request.get("body")
    if isinstance(body, dict) and "json" in body:
        return json.dumps(body["json"], ensure_ascii=False, separators=(",", ":")).encode()
    if isinstance(body, dict) and "base64" in body:
        return base64.b64decode(body["base64"])
    return body.encode() if isinstance(body, str) else b""


def head_of(request: dict[str, Any]) -> bytes:
    """Return the head of a fixture's request."""
    fields = [*request.get("headers", []), ["host", "x"]]
    if body := body_of(request):
        fields.append(["content-length", str(len(body))])
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{request['method']} {request['target']} HTTP/1.1\r\n{lines}\r\n".encode()


def seeds() -> dict[str, list[bytes]]:
    """Return inputs to begin with, from the fixtures and vectors of the project."""
    found: dict[str, list[bytes]] = {name: [] for name in targets()}
    for fixture in documents(ROOT / "testing_data" / "fixtures"):
        request = fixture.get("request")
        if not isinstance(request, dict):
            continue
        fields = {name.lower(): value for name, value in request.get("headers", [])}
        path, _, query = request["target"].partition("?")
        body, cookies = body_of(request), fields.get("cookie", "")
        found["form"].append(query.encode())
        found["target"].append(request["target"].encode())
        found["cookie"].append(cookies.encode())
        found["forwarded"].append(fields.get("forwarded", "").encode())
        found["jwt"] += of_token(fields.get("authorization", ""))
        segment = path.rpartition("/")[2]
        value = next(iter(fields.values()), "")
        parameters = f"{segment}\n{query}\n{value}\n{cookies}\n{query}"
        found["parameters"].append(parameters.encode())
        found["request"].append(head_of(request) + body)
        for target, seed in of_body(body, fields):
            found[target].append(seed)
    for vectors in documents(ROOT / "testing_data" / "wire"):
        for vector in vectors:
            text = text_of(vector.get("bytes", "")).encode()
            found["head"].append(text)
            if "boundary" in vector:
                found["multipart"].append(bounded(text, vector["boundary"], "B"))
                found["upload"].append(bounded(text, vector["boundary"], "XX"))
            else:
                found["request"].append(text)
    return found


def of_body(body: bytes, fields: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield what a body is a seed of, by the fields it came with."""
    media, coding = fields.get("content-type", ""), fields.get("content-encoding", "")
    # The first byte chooses the coding: even is gzip.
    if coding:
        yield "inflate", (b"\3" if coding == "br" else b"\2") + body
    elif "multipart" in media:
        boundary = media.partition("boundary=")[2]
        yield "multipart", bounded(body, boundary, "B")
        yield "upload", bounded(body, boundary, "XX")
    elif body[:1] in (b"[", b"{"):
        yield "json", body
        yield "read", body
    else:
        yield "form", body


def of_token(authorization: str) -> Iterator[bytes]:
    """Yield a bearer token, and its header and claims."""
    token = authorization.removeprefix("Bearer ")
    yield token.encode()
    for part in token.split(".")[:2]:
        try:
            yield base64.urlsafe_b64decode(part + "===")
        except ValueError:
            continue


def bounded(form: bytes, boundary: str, own: str) -> bytes:
    """Return a multipart form with the boundary that a target has."""
    return form.replace(f"--{boundary}".encode(), f"--{own}".encode())


def text_of(piece: Any) -> str:
    """Return the text of a vector: a string, copies of one, or a list of these."""
    if isinstance(piece, list):
        return "".join(map(text_of, piece))
    return piece["repeat"] * piece["times"] if isinstance(piece, dict) else str(piece)


def plant(target: str, contents: list[bytes]) -> Path:
    """Write the seeds of a target that are not there yet; return its corpus."""
    corpus = FUZZ / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for place, content in enumerate(sorted(set(contents))):
        if content and len(content) <= INPUT_BYTES_MAX:
            (corpus / f"seed-{place}").write_bytes(content)
    return corpus


def fuzz(program: Path, seconds: int, contents: list[bytes]) -> Run:
    """Fuzz one target, showing what libFuzzer says of it only if it found something."""
    target = program.name
    artifacts = FUZZ / "artifacts" / target
    artifacts.mkdir(parents=True, exist_ok=True)
    known = set(artifacts.iterdir())
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={INPUT_BYTES_MAX}",
        f"-timeout={INPUT_SECONDS_MAX}",
        f"-rss_limit_mb={MEMORY_MIB_MAX}",
        f"-artifact_prefix={artifacts}/",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    command = [str(program), str(plant(target, contents)), *options]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    said = ended.stderr
    found = set(artifacts.iterdir()) - known
    if ended.returncode != 0 or found:
        print(f"{target} ended with {ended.returncode}:", *said.splitlines()[-60:], sep="\n")
    executed = re.findall(r"stat::number_of_executed_units: (\d+)", said)
    lasted = re.findall(r"Done \d+ runs in (\d+) second", said)
    covered = re.findall(r"cov: (\d+)", said)
    runs = re.findall(r"^#(\d+)", said, re.MULTILINE)
    return Run(
        target,
        executions=int((executed or runs or ["0"])[-1]),
        seconds=int((lasted or ["0"])[-1]),
        covered=int((covered or ["0"])[-1]),
        findings=max(len(found), int(ended.returncode != 0)),
    )


def show(runs: list[Run]) -> None:
    """Print the table."""
    print(f"{'target':<12} {'executions':>12} {'seconds':>8} {'covered':>8} {'findings':>9}")
    for run in runs:
        print(
            f"{run.target:<12} {run.executions:>12} {run.seconds:>8} "
            f"{run.covered:>8} {run.findings:>9}"
        )


def main() -> int:
    """Fuzz as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=int, help="how long each target is fuzzed")
    parser.add_argument("targets", nargs="*", help="only these")
    arguments = parser.parse_args()
    names: list[str] = arguments.targets or targets()
    if unknown := set(names) - set(targets()):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    folder = build()
    planted = seeds()
    runs = []
    for name in names:
        runs.append(fuzz(folder / name, arguments.seconds, planted[name]))
        show(runs[-1:])
        sys.stdout.flush()
    print()
    show(runs)
    return int(any(run.findings for run in runs))


if __name__ == "__main__":
    sys.exit(main())
