# frozen_string_literal: true

# The version of the gem, which is that of the engine inside.

module Spikard
  VERSION = "0.1.0"
end
