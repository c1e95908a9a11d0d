#!/bin/sh
# Installs a requirements file into .venv/ with uv where the machine has it, else with pip.
#
# usage: scripts/pip.sh benches/requirements-peers.txt
set -eu
cd "$(dirname -- "$0")/.."
if command -v uv >/dev/null 2>&1; then
    exec uv pip install --quiet --python .venv/bin/python -r "$1"
fi
exec .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$1"
