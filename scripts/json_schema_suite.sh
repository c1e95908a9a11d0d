#!/bin/sh
# Fetches the official JSON Schema test suite into .tools/json-schema-suite/, once.
#
# The suite is published inside the source package of the Python library `jsonschema` (MIT), which
# is pinned and checked by its hash. Nothing of it is installed, run or committed.
set -eu
cd "$(dirname -- "$0")/.."
PACKAGE=jsonschema==4.26.0
SHA256=0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326
target=$PWD/.tools/json-schema-suite

[ ! -d "$target/tests/draft2020-12" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s --hash=sha256:%s\n' "$PACKAGE" "$SHA256" >"$work/requirements.txt"
set -- download --quiet --disable-pip-version-check --no-deps --no-binary :all: --require-hashes \
    --dest "$work" --requirement "$work/requirements.txt"
if python=$(scripts/python.sh) && "$python" -m pip --version >/dev/null 2>&1; then
    "$python" -m pip "$@"
elif command -v uv >/dev/null 2>&1; then
    uv run --quiet --no-project --with pip python -m pip "$@"
else
    echo "missing: pip: apt-get install python3-pip (Debian), or uv" >&2
    exit 1
fi
tar -xzf "$work"/jsonschema-*.tar.gz -C "$work"
mkdir -p .tools
rm -rf "$target"
mv "$work"/jsonschema-*/json "$target"
