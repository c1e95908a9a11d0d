#!/bin/sh
# Whether this machine has libclang, which reads Ruby's headers; exits 1 with a reason if not.
set -eu

[ -z "${LIBCLANG_PATH-}" ] || exit 0
for program in clang llvm-config; do
    command -v "$program" >/dev/null 2>&1 && exit 0
done
for found in /usr/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib/llvm-*/lib/libclang*.so* \
    /usr/lib64/libclang*.so*; do
    [ -e "$found" ] && exit 0
done
echo "libclang is not there: apt-get install libclang-dev (Debian)" >&2
exit 1
