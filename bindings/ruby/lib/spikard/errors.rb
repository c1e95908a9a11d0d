# frozen_string_literal: true

# The errors that a program meets before it serves. What goes wrong with a request is a problem
# document, and raised as `Spikard::HttpProblem`.

module Spikard
  # Whatever the engine refuses.
  class Error < StandardError
  end

  # The configuration has an unknown key or a value out of range; the message names every fault.
  class ConfigError < Error
  end

  # A route or a hook cannot be served as it is described.
  class RouteError < Error
  end

  # Raised into a handler with `async: true` that waits, when nobody waits for its answer any more:
  # its time is over, or the client has gone. It is no StandardError, so that `rescue` lets it pass.
  class Cancelled < Exception # rubocop:disable Lint/InheritException
  end

  # Nothing can listen on the configured address.
  class BindError < Error
  end

  # Another process listens on the configured address; the message names it if it is visible.
  class AddressInUse < BindError
  end
end
