#!/bin/sh
# Prints the Python interpreter the project uses: $PYTHON, else the first one that is new enough.
#
# Needs 3.10 or newer. Prints nothing and exits 1 when there is none.
set -u
for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    [ -n "$name" ] || continue
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        command -v "$name"
        exit 0
    fi
done
exit 1
