#!/bin/sh
# Starts the tasks that serve or count: demo, demo:node, demo:ruby, run:http, test, test:rust and so
# on, lint.
#
# go-task passes no SIGTERM on to what it runs and writes a line of its own behind a failed task, so
# `taskw` starts these here, in its own place. The Taskfile lists them and calls this file too.
set -eu
cd "$(dirname -- "$0")/.."
name=$1
shift
[ "${1-}" != -- ] || shift

suites() {
    scripts/require.sh python
    exec "$(scripts/python.sh)" scripts/test.py "$@"
}

# go-task's way of giving a variable: `demo PORT=9000`.
for word in "$@"; do
    case $word in PORT=*) PORT=${word#PORT=} ;; esac
done
export PORT="${PORT:-8080}"

case $name in
    demo)
        scripts/build_python.sh
        exec .venv/bin/python scripts/demo.py
        ;;
    demo:node)
        scripts/build_node.sh
        exec node examples/node/quickstart.mjs
        ;;
    demo:ruby)
        scripts/build_ruby.sh
        exec ruby -I bindings/ruby/lib scripts/demo.rb
        ;;
    run:http)
        scripts/require.sh rust cc
        exec cargo run --release --package spikard --example quickstart
        ;;
    test) suites "$@" ;;
    test:*) suites --only "${name#test:}" "$@" ;;
    lint) suites --only lint "$@" ;;
    *)
        echo "scripts/run.sh: no task $name" >&2
        exit 2
        ;;
esac
