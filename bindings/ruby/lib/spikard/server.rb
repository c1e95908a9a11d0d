# frozen_string_literal: true

# Serving: who listens, in which process, and who tells it to stop.
#
# `run` is called in three roles. The process that the user started becomes the parent, which only
# supervises; the copies of the program that it starts are its workers; and where the program cannot
# be started again, one worker serves in place. Knows nothing of routes or handlers.

module Spikard
  # See above.
  module Server
    # Taken when the library is required, so that nothing the program starts inherits it again.
    INHERITED = Native.inherited
    ENV.delete("SPIKARD_WORKER")

    # Raised into a start that is not wanted any more.
    class Unwanted < Exception # rubocop:disable Lint/InheritException
    end

    module_function

    # Serves until told to stop, in whichever role this process has.
    def run(app, built)
      return work(app, built, INHERITED) if INHERITED

      reason = Program.bound
      return serve_here(app, built, reason) if reason

      code = Native.supervise(Program.command, built.json, Log.method(:write))
      exit(code) unless code.zero?
    end

    # Serves in this process: the first signal stops, the second forces.
    def serve_here(app, built, reason)
      refuse_more(built.settings, reason)
      app.live do
        fds, port = Native.listen(built.json, 1)
        guest = Guest.new(built, fds[0])
        announce(guest, built.settings, port, reason)
        control = Control.new(guest)
        closer = -> { control.stop }
        app.closing(closer) { control.trapping("INT", "TERM") { guest.run } }
      ensure
        control&.close
      end
    end

    # Serves as a parent's worker: takes its orders, and no Ctrl-C.
    def work(app, built, inherited)
      control = Control.new(nil, inherited)
      control.trapping("TERM") do
        app.live(inherited.worker) do
          guest = Guest.new(built, inherited.listener_fd)
          control.attach(guest)
          name, _, why = guest.engine_name.partition(" ")
          if !why.empty? && inherited.worker.zero?
            Log.write(Log::INFO, "serving on #{guest.engine_name}")
          end
          # What was loaded and registered lives as long as the worker.
          GC.start
          inherited.ready(name)
          guest.run
        end
      end
    rescue Unwanted
      nil
    ensure
      control.close
    end

    def refuse_more(settings, reason)
      if settings.workers > 1
        raise ConfigError, "/workers: #{settings.workers} workers need a program that can be " \
                           "started again, and this one cannot: #{reason}; use workers: 1"
      end
      return unless settings.reload

      raise ConfigError, "/reload: a program is reloaded by starting it again, and this one " \
                         "cannot be: #{reason}"
    end

    def announce(guest, settings, port, reason)
      host = settings.host.include?(":") ? "[#{settings.host}]" : settings.host
      where = "http://#{host}:#{port}"
      where = settings.uds ? "unix:#{settings.uds}" : "a unix socket" if port.zero?
      Log.write(Log::INFO, "listening on #{where}, #{guest.engine_name}, one worker in this " \
                           "process, as #{reason}")
    end

    # A thread that waits for what the worker's own cannot wait for: signals, the parent's orders,
    # and news from threads that are not Ruby's.
    class Control
      def initialize(guest, inherited = nil)
        @owner = Thread.current
        @guest = guest
        @inherited = inherited
        @control = inherited && IO.for_fd(inherited.control_fd, autoclose: false)
        @stops = 0
        @lock = Thread::Mutex.new
        @reader, @writer = IO.pipe
        @thread = Thread.new { watch }
        @thread.name = "spikard-control"
      end

      # The worker is there: orders are for it from now on.
      def attach(guest)
        @lock.synchronize { @guest = guest }
        @writer.write_nonblock("a")
      end

      # Stops the worker; called again, at once. Any thread, and signal handlers.
      def stop
        @writer.write_nonblock("s", exception: false)
      end

      # Stops on these signals while the block runs, where this thread may ask for them.
      def trapping(*names)
        return yield if Thread.current != Thread.main

        before = names.to_h { |name| [name, trap(name) { stop }] }
        begin
          yield
        ensure
          before.each { |name, handler| trap(name, handler || "SYSTEM_DEFAULT") }
        end
      end

      # Ends the thread.
      def close
        @writer.close
        @thread.join
        @reader.close
      rescue IOError
        nil
      end

      private

      def watch
        while true
          sources = [@reader, @control, @guest&.bell].compact
          readable, = IO.select(sources)
          return if readable.include?(@reader) && !hear
          obey if @control && readable.include?(@control)
          @guest.tell if @guest && readable.include?(@guest.bell)
        end
      end

      # What was written to the pipe; false at its end.
      def hear
        letters = @reader.read_nonblock(64, exception: false)
        return false if letters.nil?

        letters.count("s").times { @lock.synchronize { force_or_stop } } if letters.is_a?(String)
        true
      end

      def force_or_stop
        return @owner.raise(Unwanted) if @guest.nil?

        return if @guest.closed?

        @stops += 1
        # A service manager may send SIGTERM to every process; of a supervised worker only the
        # parent counts.
        @guest.stop(force: @stops > 1 && @inherited.nil?)
      end

      # A worker that is not ready gets no order but to leave, and a start may take long.
      def obey
        @lock.synchronize do
          return @control = nil if @guest&.closed?

          if @guest.nil?
            @control = nil
            return @owner.raise(Unwanted)
          end
          @control = nil unless @inherited.obey(@guest.native)
        end
      end
    end
  end
end
