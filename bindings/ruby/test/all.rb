# frozen_string_literal: true

# Runs every test of the gem: the files that end in `_test.rb`.

$LOAD_PATH.unshift(File.expand_path("../lib", __dir__), __dir__)
Dir[File.join(__dir__, "*_test.rb")].sort.each { |file| require file }
