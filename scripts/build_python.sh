#!/bin/sh
# Builds the Python package into .venv/ at the root of the checkout, with its development tools.
#
# .venv/bin/python then imports `spikard`. Cargo decides what is compiled again; the tools are
# installed again only when their list changes.
set -eu
cd "$(dirname -- "$0")/.."
requirements=bindings/python/requirements-dev.txt
stamp=.venv/requirements-dev.txt

scripts/require.sh rust cc python
python=$(scripts/python.sh)

install() {
    if command -v uv >/dev/null 2>&1; then
        [ -x .venv/bin/python ] || uv venv --quiet --python "$python" .venv
    elif ! [ -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear .venv || {
            echo "missing: python's venv module: apt-get install python3-venv (Debian)" >&2
            return 1
        }
    fi
    scripts/pip.sh "$requirements"
}

if ! cmp -s "$requirements" "$stamp"; then
    install
    cp "$requirements" "$stamp"
fi
# maturin finds the environment it installs into through this variable.
VIRTUAL_ENV=$PWD/.venv PATH=$PWD/.venv/bin:$PATH
export VIRTUAL_ENV PATH
exec maturin develop --release --manifest-path bindings/python/Cargo.toml
