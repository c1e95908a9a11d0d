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
      @timers = Timers.new
      @ready = []
      @blocked = {}
      @waits = 0
      @lock = Thread::Mutex.new
      @bell, @ring = IO.pipe
    end

    # Whether no fiber waits for anything.
    def idle?
      @waits.zero? && @ready.empty?
    end

    # Waits until one of `watched` is readable, a fiber's wait is over, or `timeout` has passed;
    # then lets the fibers go on that may.
    def wait(watched, timeout)
      timeout = @timers.limit(timeout)
      timeout = 0 unless @ready.empty?
      readable, writable = IO.select([@bell, *watched, *@readers.keys], @writers.keys, nil, timeout)
      wake(@readers, readable, IO::READABLE)
      wake(@writers, writable, IO::WRITABLE)
      drain if readable&.include?(@bell)
      run
    end

    # Lets the fibers go on that may, without waiting.
    def run
      @timers.each_due { |wait| wait.wake(false) }
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
      @waits += 1
      wait = Wait.new(self, events)
      (@readers[io] ||= []) << wait unless (events & IO::READABLE).zero?
      (@writers[io] ||= []) << wait unless (events & IO::WRITABLE).zero?
      @timers.add(timeout, wait) if timeout
      wait.sleep || false
    ensure
      @waits -= 1
      @timers.ended if timeout
      forget(@readers, io, wait)
      forget(@writers, io, wait)
    end

    def kernel_sleep(duration = nil)
      block(:sleep, duration)
    end

    # Waits until `unblock`, or `timeout` seconds.
    def block(_blocker, timeout = nil)
      @waits += 1
      wait = Wait.new(self)
      fiber = Fiber.current
      @blocked[fiber] = wait
      @timers.add(timeout, wait) if timeout
      wait.sleep
    ensure
      @waits -= 1
      @timers.ended if timeout
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
      @timers.add(duration, raiser)
      yield duration
    ensure
      raiser&.cancel
      @timers.ended
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

      def over?
        @fiber.nil?
      end
    end

    # What is to be woken at a moment, soonest first. What has ended before stays until its moment
    # comes, or until it is the larger part.
    class Timers
      def initialize
        @entries = []
        @ended = 0
      end

      # Wakes `sleeper` in so many seconds, unless it is over by then.
      def add(seconds, sleeper)
        time = now + seconds
        at = @entries.bsearch_index { |known, _| known > time } || @entries.size
        @entries.insert(at, [time, sleeper])
      end

      # One of them is over.
      def ended
        @ended += 1
        return if @ended < 64 || @ended * 2 < @entries.size

        @entries.reject! { |_, sleeper| sleeper.over? }
        @ended = 0
      end

      # The seconds until the next moment, or `timeout` if that is sooner.
      def limit(timeout)
        @entries.shift while @entries.first && @entries[0][1].over?
        return timeout if @entries.empty?

        left = [@entries[0][0] - now, 0].max
        timeout && timeout < left ? timeout : left
      end

      # Yields those whose moment has come.
      def each_due
        return if @entries.empty?

        moment = now
        while @entries.first && @entries[0][0] <= moment
          _, sleeper = @entries.shift
          yield sleeper unless sleeper.over?
        end
      end

      def empty?
        @entries.all? { |_, sleeper| sleeper.over? }
      end

      private

      def now
        Process.clock_gettime(Process::CLOCK_MONOTONIC)
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
