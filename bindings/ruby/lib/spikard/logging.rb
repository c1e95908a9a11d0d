# frozen_string_literal: true

# Where the engine's sentences go: `Spikard.logger` if a program sets one, else stderr.
#
# A program that sets a logger gets its lines; one that does not still sees how its server started
# and why a handler failed. Knows nothing of what is logged.

module Spikard
  class << self
    # Whatever has `add(severity, message)`, as `Logger` has; nil prints to stderr.
    attr_accessor :logger

    # Receives the access log where its target is "log": whatever has `info(line)`; nil prints.
    attr_accessor :access_logger
  end

  # Logs one sentence of the engine.
  module Log
    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4
    ACCESS = 5

    # The engine's levels as those of Logger, with their names and colours.
    LEVELS = {
      ERROR => [3, "ERROR", "31"], WARN => [2, "WARN", "33"],
      INFO => [1, "INFO", "32"], DEBUG => [0, "DEBUG", "2"]
    }.freeze

    module_function

    # Any thread. A failure to log has nowhere to go, and ends no server.
    def write(level, message, error = nil)
      return access(message) if level == ACCESS

      text = error ? "#{message}\n#{trace(error)}" : message
      severity, name, colour = LEVELS.fetch(level, LEVELS[INFO])
      logger = Spikard.logger
      return logger.add(severity, text) if logger

      name = format("%-5s", name)
      name = "\e[#{colour}m#{name}\e[0m" if $stderr.tty? && !ENV.key?("NO_COLOR")
      $stderr.write("#{Time.now.strftime('%H:%M:%S')} #{name} #{text}\n")
    rescue StandardError
      nil
    end

    # The exception of a function, which the client never sees.
    def failed(error, request, name)
      id = request.request_id
      id = id.empty? ? "" : " [#{id}]"
      where = name.empty? ? "" : " in #{name}"
      write(ERROR, "#{request.method} #{request.path} failed#{where}#{id}", error)
    end

    # An exception with its backtrace and its causes, as Ruby prints it.
    def trace(error)
      error.full_message(highlight: false, order: :top)
    rescue StandardError
      "#{error.class}: no message can be made of it"
    end

    def access(line)
      logger = Spikard.access_logger
      return logger.info(line) if logger

      $stderr.write("#{line}\n")
    end
  end
end
