# frozen_string_literal: true

# What stands behind the numbers that the engine calls: a handler alone.
#
# The engine finds one by its number, and has it run with a call's id and its request. Whatever it
# comes to answers that call, once. Knows nothing of threads, fibers or sockets.

module Spikard
  # What the engine may call.
  class Function
    # For logs; of whom `Request` asks what its route is. Slots are names and where their values
    # are among the engine's.
    attr_reader :name, :media, :engine, :slots, :path_slots, :query_slots

    # `traits` are what it shares with all of its application: see `Traits`.
    def initialize(name, traits, is_async: false, parameters: [], media: nil)
      @name = name
      @engine = traits.engine
      @traits = traits
      @is_async = is_async
      @media = media
      numbered = parameters.each_with_index.to_a
      @slots = numbered.map { |parameter, index| [parameter.name, index] }.freeze
      @path_slots, @query_slots = %w[path query].map do |source|
        chosen = numbered.select { |parameter, _| parameter.source == source }
        chosen.map { |parameter, index| [parameter.wire, index] }.freeze
      end
    end

    # Whether it waits by yielding its fiber, so that it never holds a thread.
    def async?
      @is_async
    end

    # Whether the engine has read the body as a form, so that it is an object of fields by now.
    def reads_form?
      @media == "form"
    end

    # Answers a call with a problem, in place of running.
    def refuse(id, request, document)
      request.__problem(id, document)
    end

    # Answers a call whose thread was killed.
    def abandon(id, request)
      Log.write(Log::ERROR, "#{request.method} #{request.path}: the thread of #{@name} was killed")
      request.__fail(id, nil)
    end

    private

    # In a forked child that ends, nobody's exit handlers run, and nobody is answered.
    def leave_if_forked(error)
      exit!(error.is_a?(SystemExit) ? error.status : 1) if Process.pid != @traits.pid
    end

    # What the client is shown in development.
    def trace_of(error)
      Log.trace(error) if @traits.shows_traces
    end
  end

  # What all functions of an application share: the engine, whether clients see traces, whether what
  # was raised is kept for hooks on errors, and the process that serves.
  Traits = Struct.new(:engine, :shows_traces, :keeps_errors, :pid)

  # A handler without hooks around it.
  class HandlerFunction < Function
    def initialize(handler, name, traits, **options)
      super(name, traits, **options)
      @handler = handler
    end

    def run(id, request, _made)
      request.__reply(id, @handler.call(request))
    rescue Exception => e # rubocop:disable Lint/RescueException
      leave_if_forked(e)
      return request.__fail(id, nil) if e.is_a?(Cancelled)

      request.__kept[:error] = e if @traits.keeps_errors
      return request.__problem(id, e.document) if e.is_a?(HttpProblem)

      Log.failed(e, request, @name)
      request.__fail(id, trace_of(e))
    end
  end
end
