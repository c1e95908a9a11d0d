# frozen_string_literal: true

# Programs of their own, as users start them: written to a file, run, asked, and stopped.

require "minitest/autorun"
require "net/http"
require "socket"
require "tempfile"
require "timeout"

# One program that serves. What it prints is kept.
class Program
  LIB = File.expand_path("../../lib", __dir__)
  SECONDS_MAX = 20

  attr_reader :port, :pid

  # `body` is what stands behind `require "spikard"`; PORT in it is a free port. It is run as a
  # file, or read from stdin.
  def initialize(body, arguments: [], by_stdin: false)
    @port = Program.free_port
    @output = Tempfile.new("spikard-program")
    @file = Tempfile.new(["program", ".rb"])
    @file.write("require \"spikard\"\n#{body.gsub('PORT', @port.to_s)}\n")
    @file.close
    command = [RbConfig.ruby, "-I", LIB, by_stdin ? "-" : @file.path, *arguments]
    input = by_stdin ? @file.path : File::NULL
    @pid = spawn(*command, in: input, out: @output.path, err: @output.path)
  end

  def self.free_port
    TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
  end

  # The body of a reply, once there is one.
  def get(path = "/")
    eventually { Net::HTTP.get_response(URI("http://127.0.0.1:#{@port}#{path}")).body }
  end

  # Waits until the block returns something, and no longer raises.
  def eventually
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + SECONDS_MAX
    until Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      begin
        found = yield
        return found if found
      rescue SystemCallError, EOFError
        nil
      end
      sleep(0.05)
    end
    raise "not within #{SECONDS_MAX} s:\n#{output}"
  end

  def signal(name)
    Process.kill(name, @pid)
  end

  # The exit code, once it has ended.
  def code
    @code ||= Timeout.timeout(SECONDS_MAX) { Process.wait2(@pid)[1] }.then do |status|
      status.exitstatus || -status.termsig
    end
  rescue Timeout::Error
    raise "it has not ended:\n#{output}"
  end

  def output
    File.read(@output.path)
  end

  # Ends it, whatever it does.
  def close
    Process.kill("KILL", @pid) unless @code
    Process.wait(@pid) unless @code
  rescue SystemCallError
    nil
  end
end
