# frozen_string_literal: true

# The client itself: the application runs in a thread of its own, as a server would run it.

require "socket"

module Spikard
  module Testing
    # Calls an application as a client does, and waits for each reply. Any thread may use it.
    class TestClient
      # Longest wait for a reply, in seconds: over the engine's own default deadlines.
      REPLY_SECONDS_MAX = 60

      # The port of the transport :socket.
      attr_reader :port

      # Which engine moves the bytes, and why; "inject" in process.
      attr_reader :engine_name

      # Starts the application; what its start raises is raised here. `transport` is :inject, in
      # process, or :socket, on a free port; `engine` replaces that of the `config`.
      def initialize(app, config: nil, transport: :inject, engine: nil)
        unless %i[inject socket].include?(transport.to_sym)
          raise ArgumentError, "transport is :inject or :socket, not #{transport.inspect}"
        end

        @has_socket = transport.to_sym == :socket
        built = app.build(config, host: "127.0.0.1", port: 0, workers: 1, engine: engine&.to_s)
        opened = Thread::Queue.new
        @thread = Thread.new { serve(app, built, opened) }
        @thread.report_on_exception = false
        error = opened.pop
        raise error if error
      end

      # Sends a request and returns its reply. `json` is any value; `data` a body as it is, or the
      # fields of a form; `files` the files of a multipart form; `params` (or `query`) a hash or
      # pairs; `headers` a hash or pairs; `cookies` a hash.
      def request(method, path, **options)
        method = method.to_s.upcase
        raw(Wire.write(method, path, **options), method)
      end

      # Sends bytes as they are; `method` decides whether their reply has a body.
      def raw(request, method = "GET")
        @has_socket ? over_socket(request, method) : in_process(request, method)
      end

      %w[get post put patch delete head options trace].each do |verb|
        define_method(verb) { |path, **options| request(verb, path, **options) }
      end

      # Ends the application. Closing twice is harmless.
      def close
        return unless @thread.alive?

        @has_socket ? @guest.stop(force: true) : @guest.finish
        @thread.join
      end

      private

      def serve(app, built, opened)
        app.live do
          fds, @port = Native.listen(built.json, 1) if @has_socket
          @guest = Guest.new(built, fds && fds[0])
          @engine_name = @guest.engine_name
          opened << nil
          @guest.run
        end
      rescue Exception => e # rubocop:disable Lint/RescueException
        opened << e
        raise
      end

      def in_process(request, method)
        box = Thread::Queue.new
        guest = @guest
        guest.post do
          guest.inject(request) { |data| box << data }
        rescue StandardError => e
          box << e
        end
        data = wait(box)
        found, finish = Response.read(data, method, true)
        raise ReplyError, "there are bytes after the reply" if finish != data.bytesize

        found
      end

      # `Queue#pop` has no time limit before Ruby 3.2.
      def wait(box)
        deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + REPLY_SECONDS_MAX
        waiter = Thread.new { box.pop }
        data = waiter.join(deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC))&.value
        waiter.kill if data.nil?
        raise data if data.is_a?(Exception)

        data || raise(ReplyError, "no reply within #{REPLY_SECONDS_MAX} s")
      end

      def over_socket(request, method)
        Socket.tcp("127.0.0.1", @port) do |socket|
          socket.write(request)
          data = "".b
          while true
            unless socket.wait_readable(REPLY_SECONDS_MAX)
              raise ReplyError, "no reply within #{REPLY_SECONDS_MAX} s"
            end

            piece = socket.read_nonblock(65_536, exception: false)
            next if piece == :wait_readable

            data << piece unless piece.nil?
            found, = Response.read(data, method, piece.nil?)
            return found if found
          end
        end
      end
    end
  end
end
