# frozen_string_literal: true

# Spikard: an HTTP server engine that is a guest of Ruby's own loop, and its application model.
#
# Everything that decides about HTTP is below `Spikard::Native`; here is Ruby's idiom.

require "io/wait"
require "json"
require "uri"

begin
  require "spikard/native"
rescue LoadError => e
  raise unless e.path.to_s.end_with?("spikard/native")

  raise LoadError, "spikard's native library is not built: run scripts/build_ruby.sh in a " \
                   "checkout of the project, or install the gem (#{e.message})"
end

require "spikard/version"
require "spikard/errors"
require "spikard/logging"
require "spikard/_generated/config"
require "spikard/_generated/hooks"
require "spikard/_generated/problems"
require "spikard/config"
require "spikard/values"
require "spikard/headers"
require "spikard/problem"
require "spikard/response"
require "spikard/upload"
require "spikard/request"
require "spikard/callable"
require "spikard/functions"
require "spikard/hooked"
require "spikard/parameters"
require "spikard/route"
require "spikard/registry"
require "spikard/scheduler"
require "spikard/pool"
require "spikard/guest"
require "spikard/program"
require "spikard/server"
require "spikard/app"

Spikard::Native.setup(Spikard::Response, Spikard::Values)
