# frozen_string_literal: true

# Writes the Makefile by which `gem install` builds the native library: it calls cargo.
#
# The crates lie in the gem's own `workspace/`, or around this file in a checkout.

require "rbconfig"

def find_program(name)
  paths = ENV.fetch("PATH", "").split(File::PATH_SEPARATOR)
  paths << File.join(ENV.fetch("CARGO_HOME", File.join(Dir.home, ".cargo")), "bin")
  paths.map { |folder| File.join(folder, name) }.find { |path| File.executable?(path) }
end

cargo = find_program("cargo") || abort("spikard needs Rust 1.95 or newer: https://rustup.rs")
abort("spikard runs on Linux") unless RbConfig::CONFIG["host_os"].include?("linux")

packed = File.expand_path("../../workspace", __dir__)
workspace = File.directory?(packed) ? packed : File.expand_path("../../../..", __dir__)
manifest = File.join(workspace, "Cargo.toml")
abort("spikard's crates are not at #{workspace}") unless File.file?(manifest)

# `sitearchdir` is given by RubyGems on the command line.
File.write("Makefile", <<~MAKE)
  CARGO = #{cargo}
  MANIFEST = #{manifest}
  TARGET = $(CURDIR)/target
  LIBRARY = $(TARGET)/release/libspikard_ruby.so
  sitearchdir = #{RbConfig::CONFIG['sitearchdir']}

  all:
  \tRUBY=#{RbConfig.ruby} $(CARGO) build --release --manifest-path $(MANIFEST) \\
  \t\t--package spikard-ruby --target-dir $(TARGET)

  install: all
  \tmkdir -p $(DESTDIR)$(sitearchdir)/spikard
  \tcp $(LIBRARY) $(DESTDIR)$(sitearchdir)/spikard/native.so

  clean:
  \trm -rf $(TARGET)

  .PHONY: all install clean
MAKE
