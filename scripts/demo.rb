# frozen_string_literal: true

# Runs a program, the Ruby quick start unless another is named, on the port of PORT.
#
# Otherwise it runs exactly as it is written. Workers start this file again and read the same
# variable, so all of them agree. Knows nothing of what the program does.

require "spikard"

# As `Spikard::App#run`, on the port of the environment.
module RunOnPort
  def run(config = nil, **changes)
    super(config, **{ port: Integer(ENV.fetch("PORT")) }, **changes)
  end
end

Spikard::App.prepend(RunOnPort) if ENV["PORT"]
load(ARGV[0] || File.expand_path("../examples/ruby/quickstart.rb", __dir__))
