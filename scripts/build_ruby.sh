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

has_libclang() {
    [ -n "${LIBCLANG_PATH-}" ] || command -v clang >/dev/null 2>&1 && return 0
    command -v llvm-config >/dev/null 2>&1 && return 0
    for found in /usr/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib/llvm-*/lib/libclang*.so* \
        /usr/lib64/libclang*.so*; do
        [ -e "$found" ] && return 0
    done
    return 1
}

fetch_libclang() {
    folder=.tools/libclang
    if ! ls "$folder"/clang/native/libclang.so >/dev/null 2>&1; then
        scripts/require.sh python
        "$(scripts/python.sh)" -m pip install --quiet --target "$folder" 'libclang==18.1.1'
    fi
    LIBCLANG_PATH=$PWD/$folder/clang/native
    # It brings no headers of its own; gcc's are where gcc says.
    BINDGEN_EXTRA_CLANG_ARGS="-I$(gcc -print-file-name=include) ${BINDGEN_EXTRA_CLANG_ARGS-}"
    export LIBCLANG_PATH BINDGEN_EXTRA_CLANG_ARGS
}

has_libclang || fetch_libclang
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
