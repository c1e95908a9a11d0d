# frozen_string_literal: true

# The program as it was started, so that it can be started again, once per worker.

require "rbconfig"

module Spikard
  # What this process was started with. Read when the library is required: a program may change its
  # arguments and its name later.
  module Program
    module_function

    # The command that starts this program again, also after a change of directory; nil if there is
    # none.
    def command
      COMMAND
    end

    # Why the program cannot be started again, or nil if it can.
    def bound
      return "run was not called on the main thread" if Thread.current != Thread.main
      return "the session is interactive" if defined?(::IRB) && ::IRB.respond_to?(:CurrentContext)
      return "the program is not in a file" if COMMAND.nil?

      nil
    end

    def read_command
      words = words_of_process
      return [RbConfig.ruby, *words.drop(1)] if words && $PROGRAM_NAME == "-e"
      return nil unless File.file?($PROGRAM_NAME)

      script = File.expand_path($PROGRAM_NAME)
      words ||= [RbConfig.ruby, $PROGRAM_NAME, *ARGV]
      at = words.index($PROGRAM_NAME)
      # A script with a `#!` line is in the kernel's words, whichever way it was found.
      return [RbConfig.ruby, script, *ARGV] if at.nil? || at.zero?

      words[at] = script
      [RbConfig.ruby, *words.drop(1)]
    end

    def words_of_process
      words = File.binread("/proc/self/cmdline").split("\0", -1)
      words.pop
      words.empty? ? nil : words
    rescue SystemCallError
      nil
    end
    private_class_method :read_command, :words_of_process

    COMMAND = read_command&.freeze
    private_constant :COMMAND
  end
end
