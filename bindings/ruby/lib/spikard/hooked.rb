# frozen_string_literal: true

# Hooks: functions around the handlers, and how those of one crossing run as one.
#
# The engine stops where hooks are and calls once for all of them; what runs then is made here, when
# the application is built. Changes of the request reach the engine with the answer.
# Knows nothing of routing, and nothing of HTTP beyond what a response is.

module Spikard
  # One function of a phase.
  Hook = Struct.new(:function, :phase, :place) do
    def to_s
      "the #{phase} hook of #{place}"
    end
  end

  # Every hook of an application or of a group, in the order of registration, and what it makes of
  # exceptions.
  class Hooks
    attr_reader :phases, :rescuers

    def initialize(phases = {}, rescuers = {})
      @phases = phases
      @rescuers = rescuers
    end

    # The functions of a phase.
    def [](phase)
      @phases.fetch(phase, [])
    end

    # Keeps one more. Raises RouteError for what cannot be a hook.
    def add(phase, function)
      place = Callable.place(function)
      callable = Callable.of(function, 1, "the #{phase} hook at #{place}")
      (@phases[phase] ||= []) << Hook.new(callable, phase, place)
    end

    # Keeps what is called for exceptions of a class.
    def rescue_from(kind, function)
      unless kind.is_a?(Class) && kind <= Exception
        raise RouteError, "rescue_from takes classes of exceptions, not #{kind.inspect}"
      end

      place = Callable.place(function)
      if @rescuers.key?(kind)
        raise RouteError, "#{place}: #{kind} is rescued already, at #{@rescuers[kind].place}"
      end

      callable = Callable.of(function, 2, "what rescues #{kind} at #{place}")
      @rescuers[kind] = Hook.new(callable, "rescue_from #{kind}", place)
    end

    # These, and behind them those of others, phase by phase.
    def joined(others)
      Hooks.new(@phases.merge(others.phases) { |_, ours, theirs| ours + theirs },
                @rescuers.merge(others.rescuers))
    end

    def empty?
      @phases.empty? && @rescuers.empty?
    end
  end

  # Carries what a hook raised, as its cause, to where it is logged.
  class HookFailed < StandardError
    def initialize(hook)
      super(hook.to_s)
    end
  end

  # A function with hooks in it.
  class HookedFunction < Function
    # Kinds of answers, as the native side numbers them.
    CONTINUE = 0
    REPLY = 1
    PROBLEM = 2
    FAIL = 3

    def initialize(hooks, name, traits, **options)
      super(name, traits, **options)
      @hooks = hooks
    end

    def refuse(id, request, document)
      answer(id, request, PROBLEM, document)
    end

    private

    # Answers a call with what hooks and handler came to; nil goes on, where that is possible.
    def answer(id, request, kind, value, is_failure: false, is_final: false)
      request.__answer(id, kind, value, is_failure, is_final, request.__take_edits)
    end

    # Shows the request to each hook, until one answers.
    def ask(phase, request)
      @hooks[phase].each do |hook|
        result = call(hook, request)
        return result if result.is_a?(Response)
        next if result.nil? || result.equal?(request)

        misused(hook, result, "the request that it was given, a Response, or nil")
      end
      nil
    end

    # Shows a reply to each hook, and to the next what it makes of it.
    def show(phase, reply)
      @hooks[phase].each do |hook|
        result = call(hook, reply)
        next if result.nil? || result.equal?(reply)

        misused(hook, result, "a Response, or nil") unless result.is_a?(Response)
        reply = result.for_hooks(reply.request, reply.error)
      end
      reply
    end

    # Calls one hook. A problem that it raises is what the client gets.
    def call(hook, argument)
      hook.function.call(argument)
    rescue HttpProblem
      raise
    rescue Exception # rubocop:disable Lint/RescueException
      raise HookFailed.new(hook)
    end

    def misused(hook, result, wanted)
      raise TypeError, "#{hook} returned #{result.class}; it returns #{wanted}"
    rescue TypeError
      raise HookFailed.new(hook)
    end

    # Answers a call with what was raised: what rescues it, its problem, or a 500.
    def fail_with(id, request, error)
      leave_if_forked(error)
      cause = error.is_a?(HookFailed) ? error.cause : error
      return answer(id, request, FAIL, nil) if cause.is_a?(Cancelled)

      rescuer = rescuer_of(cause)
      return rescued(id, request, rescuer, cause) if rescuer

      request.__kept[:error] = cause
      return answer(id, request, PROBLEM, error.document) if error.is_a?(HttpProblem)

      is_hook = error.is_a?(HookFailed)
      Log.failed(cause, request, is_hook ? "#{error.message} #{@name}".strip : @name)
      answer(id, request, FAIL, trace_of(cause), is_final: is_hook)
    end

    # What rescues the nearest class of an exception, if anything does.
    def rescuer_of(error)
      return nil if @hooks.rescuers.empty?

      kind = error.class.ancestors.find { |known| @hooks.rescuers.key?(known) }
      @hooks.rescuers[kind]
    end

    def rescued(id, request, rescuer, error)
      request.__close
      request.__kept[:error] = error
      reply = begin
        rescuer.function.call(error, request)
      rescue HttpProblem => e
        e
      end
      return answer(id, request, PROBLEM, reply.document) if reply.is_a?(HttpProblem)

      answer(id, request, REPLY, reply, is_failure: true)
    rescue Exception => e # rubocop:disable Lint/RescueException
      request.__kept[:error] = e
      Log.failed(e, request, rescuer.to_s)
      answer(id, request, FAIL, trace_of(e), is_final: true)
    end
  end

  # A handler, and the hooks before and behind it.
  class Around < HookedFunction
    def initialize(handler, hooks, name, traits, **options)
      super(hooks, name, traits, **options)
      @handler = handler
      @shows = !hooks[:on_response].empty?
    end

    def run(id, request, _made)
      request.__refresh
      reply = ask(:pre_handler, request)
      if reply.nil?
        request.__close
        reply = @handler.call(request)
      end
      reply = show(:on_response, Response.of(reply).for_hooks(request)) if @shows
      answer(id, request, REPLY, reply)
    rescue Exception => e # rubocop:disable Lint/RescueException
      fail_with(id, request, e)
    end
  end

  # Hooks before a handler is known: they give a reply, or nothing.
  class Asking < HookedFunction
    def initialize(phase, hooks, traits, **options)
      super(hooks, "", traits, **options)
      @phase = phase
    end

    def run(id, request, _made)
      request.__refresh
      reply = ask(@phase, request)
      return answer(id, request, CONTINUE, nil) if reply.nil?

      answer(id, request, REPLY, show(:on_response, reply.for_hooks(request)))
    rescue Exception => e # rubocop:disable Lint/RescueException
      fail_with(id, request, e)
    end
  end

  # Hooks on a reply that a failure made: they give another one, or nothing.
  class Telling < HookedFunction
    def initialize(hooks, traits, **options)
      super(hooks, "", traits, **options)
    end

    def run(id, request, made)
      request.__close
      status, fields, body = made
      error = request.__kept[:error] || HttpProblem.of(status, body)
      shown = Response.new(content: body, status_code: status, headers: fields)
      reply = show(:on_error, shown.for_hooks(request, error))
      is_same = reply.content.equal?(body) && reply.status_code == status &&
                reply.headers.pairs == fields
      is_same ? answer(id, request, CONTINUE, nil) : answer(id, request, REPLY, reply)
    rescue Exception => e # rubocop:disable Lint/RescueException
      fail_with(id, request, e)
    end
  end
end
