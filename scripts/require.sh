#!/bin/sh
# Names the tools a task needs and the machine lacks: one line each, with how to get it.
#
# usage: scripts/require.sh rust cc python ...    Exits 1 when one is missing.
set -u
missing=0

lack() {
    printf 'missing: %s\n' "$1" >&2
    missing=1
}

for tool in "$@"; do
    case $tool in
        rust)
            command -v cargo >/dev/null 2>&1 \
                || lack "rust 1.95 or newer: https://rustup.rs, then open a new shell"
            ;;
        cc)
            command -v cc >/dev/null 2>&1 \
                || lack "a C compiler: apt-get install gcc libc6-dev (Debian), or your system's own"
            ;;
        python)
            scripts/python.sh >/dev/null 2>&1 \
                || lack "python 3.10 or newer: apt-get install python3 python3-venv (Debian)"
            ;;
        ruby)
            scripts/ruby.sh >/dev/null \
                || lack "ruby 3.1 or newer with headers: apt-get install ruby ruby-dev (Debian)"
            ;;
        c++)
            command -v c++ >/dev/null 2>&1 \
                || lack "a C++ compiler: apt-get install g++ (Debian), or your system's own"
            ;;
        node)
            node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null \
                && command -v npm >/dev/null 2>&1 \
                || lack "Node.js 20 or newer, with npm: https://nodejs.org"
            ;;
        wrk)
            command -v wrk >/dev/null 2>&1 || lack "wrk: apt-get install wrk (Debian)"
            ;;
        *)
            lack "$tool (scripts/require.sh does not know it)"
            ;;
    esac
done
exit "$missing"
