# frozen_string_literal: true

# A Fiber scheduler for a worker's thread: what a handler with `async: true` waits for is waited for
# together with the worker's own descriptor.
#
# Ruby calls it where a non-blocking fiber would wait (`sleep`, sockets, queues, `Thread#join`); it
# yields that fiber and resumes it later. It is used only where the thread has no scheduler already.

module Spikard
  # See `Fiber::SchedulerInterface` in Ruby's documentation.
  class Scheduler
    def initialize
      @readers = {}
      @writers = {}
      @timers = []
      @ready = []
      @blocked = {}
      @lock = Thread::Mutex.new
      @bell, @ring = IO.pipe
    end

    # Waits until one of `watched` is readable, a fiber's wait is over, or `timeout` has passed;
    # then lets the fibers go on that may.
    def wait(watched, timeout)
      timeout = limit(timeout)
      timeout = 0 unless @ready.empty?
      readable, writable = IO.select([@bell, *watched, *@readers.keys], @writers.keys, nil, timeout)
      wake(@readers, readable, IO::READABLE)
      wake(@writers, writable, IO::WRITABLE)
      drain if readable&.include?(@bell)
      run
    end

    # Lets the fibers go on that may, without waiting.
    def run
      moment = now
      due, @timers = @timers.partition { |time, _| time <= moment } unless @timers.empty?
      due&.each { |_, wait| wait.wake(false) }
      ready = @lock.synchronize { @ready.slice!(0..) }
      ready.each { |wait, value| wait.go_on(value) }
    end

    # One wait of one fiber: it is resumed once, whatever wakes it first.
    class Wait
      attr_reader :events

      def initialize(scheduler, events = 0)
        @scheduler = scheduler
        @fiber = Fiber.current
        @events = events
        @is_over = false
      end

      # The fiber may go on, with this as the result of its wait.
      def wake(value)
        @scheduler.make_ready(self, value)
      end

      def go_on(value)
        return if @is_over

        @is_over = true
        @fiber.resume(value)
      end

      # Waits here. An exception that is raised into the fiber ends the wait as well.
      def sleep
        Fiber.yield
      ensure
        @is_over = true
      end

      def over?
        @is_over
      end
    end

    # Any thread.
    def make_ready(wait, value)
      @lock.synchronize { @ready << [wait, value] }
    end

    def io_wait(io, events, timeout)
      wait = Wait.new(self, events)
      (@readers[io] ||= []) << wait unless (events & IO::READABLE).zero?
      (@writers[io] ||= []) << wait unless (events & IO::WRITABLE).zero?
      @timers << [now + timeout, wait] if timeout
      wait.sleep || false
    ensure
      forget(@readers, io, wait)
      forget(@writers, io, wait)
    end

    def kernel_sleep(duration = nil)
      block(:sleep, duration)
    end

    # Waits until `unblock`, or `timeout` seconds.
    def block(_blocker, timeout = nil)
      wait = Wait.new(self)
      fiber = Fiber.current
      @blocked[fiber] = wait
      @timers << [now + timeout, wait] if timeout
      wait.sleep
    ensure
      @blocked.delete(fiber)
    end

    # Any thread.
    def unblock(_blocker, fiber)
      wait = @blocked[fiber] or return

      make_ready(wait, true)
      @ring.write_nonblock(".", exception: false)
    end

    def fiber(&block)
      fiber = Fiber.new(blocking: false, &block)
      fiber.resume
      fiber
    end

    def timeout_after(duration, kind, message)
      fiber = Fiber.current
      raiser = Raiser.new(fiber, kind, message)
      @timers << [now + duration, raiser]
      yield duration
    ensure
      raiser&.cancel
    end

    # Raises into a fiber whose time is over.
    class Raiser
      def initialize(fiber, kind, message)
        @fiber = fiber
        @error = [kind, message]
      end

      def wake(_value)
        @fiber&.raise(*@error)
      end

      def cancel
        @fiber = nil
      end
    end

    def process_wait(pid, flags)
      Thread.new { Process::Status.wait(pid, flags) }.value
    end

    def address_resolve(hostname)
      Thread.new { Addrinfo.getaddrinfo(hostname, nil).map(&:ip_address).uniq }.value
    end

    # Called when the thread gives it up: what still waits is not waited for.
    def close
      @bell.close
      @ring.close
    end

    private

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    def limit(timeout)
      @timers.each do |time, _|
        left = [time - now, 0].max
        timeout = left if timeout.nil? || left < timeout
      end
      timeout
    end

    def wake(waiting, found, event)
      found&.each { |io| waiting[io]&.each { |wait| wait.wake(event) } }
    end

    def forget(waiting, io, wait)
      list = waiting[io] or return

      list.delete(wait)
      waiting.delete(io) if list.empty?
    end

    def drain
      @bell.read_nonblock(4096, exception: false)
    end
  end
end
