# frozen_string_literal: true

# The threads on which blocking functions run: named and bounded, started one by one as they are
# needed, and made by Ruby. Each call is timed, and the kernel is asked whether its thread had to
# wait: that is what the engine's promotion policy decides by.

module Spikard
  # The pool of one worker.
  class Pool
    REFUSAL = JSON.generate(
      status: 503, detail: "No thread was free in time (setting: queue_timeout)",
      headers: [["retry-after", "1"]]
    ).freeze

    # A call that waits for a thread until it is due.
    Job = Struct.new(:due, :function, :id, :request, :made)

    # At most `most` threads, for one of which a call waits at most `timeout` seconds. The block is
    # called behind each call that was taken.
    def initialize(most, timeout, &left)
      @left = left
      @most = most
      @timeout = timeout
      @lock = Thread::Mutex.new
      @ready = Thread::ConditionVariable.new
      @jobs = []
      @idle = 0
      @threads = []
      @is_closed = false
    end

    # Takes a call, and starts a thread if none is idle and there may be one more. False once the
    # pool is closed.
    def push(function, id, request, made)
      job = Job.new(now + @timeout, function, id, request, made)
      @lock.synchronize do
        return false if @is_closed

        @jobs << job
        start if @jobs.size > @idle && @threads.size < @most
        @ready.signal
      end
      true
    end

    # Whether calls wait for a thread.
    def waiting?
      !@jobs.empty?
    end

    # The seconds until the oldest call has waited too long, or `limit` if that is less.
    def soonest(limit)
      job = @jobs.first or return limit

      left = [job.due - now, 0.001].max
      limit && limit < left ? limit : left
    end

    # Refuses the calls that have waited too long.
    def expire
      moment = now
      late = @lock.synchronize { @jobs.shift(@jobs.take_while { |job| job.due <= moment }.size) }
      late.each { |job| refuse(job) }
    end

    # Ends the pool: calls that still wait are refused, and idle threads end.
    def close
      left = @lock.synchronize do
        @is_closed = true
        @ready.broadcast
        @jobs.slice!(0..)
      end
      left.each { |job| refuse(job) }
    end

    private

    def refuse(job)
      @left.call
      job.function.refuse(job.id, job.request, REFUSAL)
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    # Under the lock.
    def start
      number = @threads.size
      thread = Thread.new { work }
      thread.name = "spikard-pool-#{number}"
      thread.report_on_exception = false
      @threads << thread
    end

    def work
      while (job = take)
        run(job)
        job = nil
      end
    ensure
      @lock.synchronize { @threads.delete(Thread.current) }
    end

    def take
      @lock.synchronize do
        while @jobs.empty?
          return nil if @is_closed

          @idle += 1
          begin
            @ready.wait(@lock)
          ensure
            @idle -= 1
          end
        end
        @jobs.shift
      end
    end

    def run(job)
      is_done = false
      Native.time_run
      job.function.run(job.id, job.request, job.made)
      is_done = true
    ensure
      @left.call
      job.function.abandon(job.id, job.request) unless is_done || @is_closed
      Locals.clear
    end
  end

  # What Ruby code can leave on a thread or fiber, so that no request finds what another one left.
  module Locals
    HAS_STORAGE = Fiber.respond_to?(:[])

    module_function

    # The thread's variables as they are now.
    def snapshot
      thread = Thread.current
      thread.thread_variables.to_h { |name| [name, thread.thread_variable_get(name)] }
    end

    # Forgets what the current fiber and thread were given; the thread's variables are as in `base`.
    def clear(base = nil)
      thread = Thread.current
      names = thread.keys
      names.each { |name| thread[name] = nil } unless names.empty?
      names = thread.thread_variables
      restore(thread, names, base) unless names.empty?
      Fiber.current.storage&.each_key { |name| Fiber[name] = nil } if HAS_STORAGE
    end

    def restore(thread, names, base)
      names.each { |name| thread.thread_variable_set(name, base && base[name]) }
      base&.each { |name, value| thread.thread_variable_set(name, value) }
    end
  end
end
