# frozen_string_literal: true

# A worker as a guest of the thread that calls `run`: it waits for the worker's descriptor, turns,
# and does between turns what must not happen inside one.
#
# Handlers run inside turns, on fibers of their own; blocking ones on the pool.

module Spikard
  # A worker and its loop. Made, run and ended on one thread.
  class Guest
    # What serves: see `App#build`. With a listening socket it accepts connections, without one it
    # takes requests by `inject`.
    def initialize(built, listener_fd = nil)
      settings = built.settings
      @has_sockets = !listener_fd.nil?
      @pool = Pool.new(settings.blocking_threads, settings.queue_timeout) { @native.left }
      @inbox = Thread::Queue.new
      @replies = {}
      @tokens = 0
      @waiting = {}
      @thread = Thread.current
      @base = Locals.snapshot
      @scheduler = own_scheduler(built.functions)
      @defers = @scheduler.nil? && !Fiber.current_scheduler.nil?
      @deferred = []
      @native = Native::Worker.new(built.engine, built.functions, self, @defers, listener_fd)
      @turns = turns_apart if @defers
      @watched = IO.for_fd(@native.watch(@defers), autoclose: false)
      @bell = IO.for_fd(@native.bell_fd, autoclose: false)
    end

    attr_reader :native, :bell

    # Whether its worker has ended.
    def closed?
      @is_closed
    end

    # `io_uring`, or `epoll` with the reason; "inject" without sockets.
    def engine_name
      @has_sockets ? @native.engine_name : "inject"
    end

    # Serves until it is drained, or `finish` is called.
    def run
      until (wait = @turns ? @turns.resume : @native.turn) == :drained
        if wait.equal?(true)
          settle
        elsif wait.equal?(0)
          give_way
        else
          rest(wait)
        end
        break if @is_finished
      end
    ensure
      close
    end

    # Accepts nothing more and finishes what is in flight; with `force`, closes at once. Any thread
    # but the worker's own while it waits: that one is woken only by others.
    def stop(force: false)
      @native.stop(force)
    end

    # Ends the loop of a worker without sockets. Any thread.
    def finish
      post { @is_finished = true }
    end

    # Runs a block on the worker's thread, between turns. Any thread.
    def post(&block)
      @inbox << block
      @native.nudge
    end

    # Begins a request; the block gets the bytes of the whole reply. On the worker's thread.
    def inject(request, &replied)
      token = @tokens += 1
      @replies[token] = replied
      @native.inject(token, request)
    end

    # Logs what the engine has said. Any thread.
    def tell
      @native.notices.each do |level, message, is_stall|
        place = is_stall && @thread.backtrace
        message += ", it is at:\n#{place.join("\n")}" if place && @thread != Thread.current
        Log.write(level, message)
      end
    end

    # The native side: a blocking function is to run on the pool.
    def queue(function, id, request, made)
      @pool.push(function, id, request, made)
    end

    # The native side: a fiber for calls of functions that may yield, or of those that block.
    def fiber(is_async)
      idle = @native.idle(is_async)
      base = @base
      Fiber.new(blocking: !is_async) do |function, id, request, made|
        fiber = Fiber.current
        while true
          @waiting[id] = fiber if is_async
          function.run(id, request, made)
          @waiting.delete(id) if is_async
          function = request = made = nil
          Locals.clear(base)
          idle.push(fiber)
          function, id, request, made = Fiber.yield
        end
      end
    end

    # The native side: a function that yields is to run after the turn, as the thread's scheduler
    # may leave the fiber that it is called on.
    def defer(function, id, request, made)
      @deferred << -> { function.run(id, request, made) }
      true
    end

    # The native side: nobody waits for the answer of this call any more.
    def cancel(id)
      @inbox << -> { @waiting.delete(id)&.raise(Cancelled) } if @waiting.key?(id)
    end

    # The native side: the whole reply to an injected request.
    def injected(token, reply)
      replied = @replies.delete(token)
      post { replied&.call(reply) }
    end

    private

    # Waits until a turn is due.
    def rest(wait)
      if @pool.waiting?
        wait = @pool.soonest(wait)
        @pool.expire
      end
      if @scheduler && !@scheduler.idle?
        @scheduler.wait([@watched], wait)
      elsif @defers
        @watched.wait_readable(wait)
      else
        @native.rest(wait)
      end
    end

    # What is due between turns.
    def settle
      tell
      @inbox.pop.call until @inbox.empty?
      @pool.expire if @pool.waiting?
      @deferred.slice!(0..).each { |call| Fiber.schedule(&call) } unless @deferred.empty?
      let_fibers_go
    end

    # Fibers that wait go on, if they may.
    def let_fibers_go
      @scheduler.wait([], 0) if @scheduler && !@scheduler.idle?
    end

    # More is to be done, but others come first: threads, and fibers of the thread's scheduler.
    def give_way
      let_fibers_go
      sleep(0) if @defers
      @native.give_way
    end

    # Turns on a fiber of their own, on which nothing yields to a scheduler.
    def turns_apart
      Fiber.new(blocking: true) do
        while true
          Fiber.yield(@native.turn)
        end
      end
    end

    def own_scheduler(functions)
      return nil if Fiber.scheduler || functions.none?(&:async?)

      scheduler = Scheduler.new
      Fiber.set_scheduler(scheduler)
      scheduler
    end

    def close
      @is_closed = true
      @pool.close
      @native.close
      Fiber.set_scheduler(nil) if @scheduler
      tell
    end
  end
end
