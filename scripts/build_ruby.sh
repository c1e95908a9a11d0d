#!/bin/sh
# Builds the native library of the Ruby gem into bindings/ruby/lib/, with cargo alone: no gem and no
# rake. `ruby -I bindings/ruby/lib -r spikard` then works in a checkout.
#
# The bindings to Ruby's C interface are made by libclang. Where the system has none, PyPI's
# `libclang` is fetched into .tools/, and gcc's own headers stand in for clang's.
set -eu
cd "$(dirname -- "$0")/.."
profile=${1:-release}

scripts/require.sh rust cc ruby

fetch_libclang() {
    folder=.tools/libclang
    if ! ls "$folder"/clang/native/libclang.so >/dev/null 2>&1; then
        scripts/require.sh python
        python=$(scripts/python.sh)
        "$python" -m pip --version >/dev/null 2>&1 || python=.venv/bin/python
        "$python" -m pip install --quiet --target "$folder" 'libclang==18.1.1'
    fi
    LIBCLANG_PATH=$PWD/$folder/clang/native
    # It brings no headers of its own; gcc's are where gcc says.
    BINDGEN_EXTRA_CLANG_ARGS="-I$(gcc -print-file-name=include) ${BINDGEN_EXTRA_CLANG_ARGS-}"
    export LIBCLANG_PATH BINDGEN_EXTRA_CLANG_ARGS
}

scripts/libclang.sh 2>/dev/null || fetch_libclang
case $profile in
    release) cargo build --release --package spikard-ruby ;;
    debug) cargo build --package spikard-ruby ;;
    *)
        echo "scripts/build_ruby.sh: release or debug, not $profile" >&2
        exit 2
        ;;
esac
built=${CARGO_TARGET_DIR:-target}/$profile/libspikard_ruby.so
library=bindings/ruby/lib/spikard/native.so
# A new file, never the old one changed: a server may have that loaded.
if ! cmp -s "$built" "$library"; then
    cp "$built" "$library.new"
    mv "$library.new" "$library"
fi
