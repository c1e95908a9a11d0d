# frozen_string_literal: true

# The gem: Ruby sources, signatures, and the crates that the native library is built of.
#
# `scripts/build_gem.sh` lays it out and packs it; in a checkout `scripts/build_ruby.sh` is enough.

require_relative "lib/spikard/version"

Gem::Specification.new do |spec|
  spec.name = "spikard"
  spec.version = Spikard::VERSION
  spec.summary = "An HTTP server engine in Rust that is a guest of Ruby's own loop"
  spec.description = "Routes, typed parameters, JSON Schema validation, middleware and problem " \
                     "documents in the engine; handlers are Ruby blocks."
  spec.authors = ["The Spikard authors"]
  spec.license = "MIT"
  spec.homepage = "https://spikard.dev"
  spec.required_ruby_version = ">= 3.1"
  spec.files = Dir.chdir(__dir__) do
    Dir["lib/**/*.rb", "sig/**/*.rbs", "ext/**/*.rb", "workspace/**/*", "README.md",
        "LICENSE"]
      .select { |path| File.file?(path) }
  end
  spec.extensions = ["ext/spikard/extconf.rb"]
  spec.metadata = { "rubygems_mfa_required" => "true" }
end
