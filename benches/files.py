"""What does a static file cost, beside nginx: 10 KB in one write, and 10 MB in many?

The same folder is served by the Rust application on each engine and by nginx (one process,
`sendfile`), each on one core. CPU time per request is the figure to compare; beside it stands what
the server holds in memory.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from harness import catalog, load, machine
from harness.process import Server, free_port

SIZES = {"10 KB": 10_000, "10 MB": 10_000_000}
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types; access_log off; sendfile on; tcp_nopush on;
    keepalive_requests 1000000000; client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {folder}/public; }}
}}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names, or parts of them, between commas")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    print(machine.describe(machine.facts()), file=sys.stderr)
    wanted = [part for part in options.only.lower().split(",") if part]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder))
        for contender in contenders(folder):
            if wanted and not any(part in contender.name.lower() for part in wanted):
                continue
            rows += [measure(contender, folder, size, options) for size in SIZES]
    print(json.dumps(rows) if options.json else table(rows))
    return 0 if all(row["errors"] == 0 for row in rows) else 1


def make_files(folder):
    """Write the files that are served."""
    public = folder / "public"
    public.mkdir()
    (public / "hello").write_bytes(b"hello")
    for size, length in SIZES.items():
        line = bytes(range(256))
        content = (line * (length // len(line) + 1))[:length]
        (public / path_of(size)).write_bytes(content)


def path_of(size):
    """Return the name of the file of a size."""
    return size.replace(" ", "") + ".bin"


def contenders(folder):
    """Return our server on each engine, and nginx where it is installed."""
    found = [
        catalog.Contender(
            f"Rust, {engine}",
            "rust",
            "/files",
            catalog.rust_server(),
            {"ENGINE": engine, "FILES": f"{folder}/public"},
        )
        for engine in catalog.ENGINES
    ]
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        print("nginx is not installed, and not measured", file=sys.stderr)
        return found
    command = (program, "-c", f"{folder}/nginx.conf")
    return [*found, catalog.Contender("nginx", "nginx", "", command)]


def measure(contender, folder, size, options):
    """Return what one server does with one file: the round of the median CPU time."""
    path = f"{contender.path}/{path_of(size)}"
    port = free_port()
    (Path(folder) / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    settings = {"environment": contender.environment, "port": port}
    with Server(contender.name, contender.command, **settings) as server:
        samples = [
            load.measure(server, path, connections=options.connections, seconds=options.seconds)
            for _ in range(options.rounds)
        ]
    samples.sort(key=lambda sample: sample.cpu_us)
    sample = samples[len(samples) // 2]
    row = {
        "name": contender.name,
        "size": size,
        "per_second": round(sample.per_second),
        "cpu_us": round(sample.cpu_us, 1),
        "p99_us": round(sample.p99_us),
        "rss_mib": round(sample.rss_bytes / 2**20, 1),
        "errors": sum(sample.errors for sample in samples),
    }
    print(row, file=sys.stderr)
    return row


def table(rows):
    """Return the rows as Markdown."""
    lines = [
        "| server | file | per second | CPU us | p99 us | memory, MiB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        figures = (row[key] for key in ("size", "per_second", "cpu_us", "p99_us", "rss_mib"))
        lines.append(f"| {row['name']} | {' | '.join(map(str, figures))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
