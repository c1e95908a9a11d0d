#!/bin/sh
# Prints the Ruby to use: RUBY, or `ruby` on PATH, if it is 3.1 or newer and has its headers.
#
# Exits 1 with a reason on stderr if there is none.
set -eu
ruby=${RUBY:-ruby}

if ! command -v "$ruby" >/dev/null 2>&1; then
    echo "ruby is not on PATH" >&2
    exit 1
fi
exec "$ruby" -rrbconfig -e '
  version = RUBY_VERSION.split(".").map(&:to_i)
  abort "ruby is #{RUBY_VERSION}, older than 3.1" if (version <=> [3, 1]).negative?
  header = File.join(RbConfig::CONFIG["rubyhdrdir"].to_s, "ruby.h")
  abort "ruby has no headers (#{header})" unless File.file?(header)
  puts RbConfig.ruby'
