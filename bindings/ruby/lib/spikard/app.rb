# frozen_string_literal: true

# The application: routes and hooks are registered on it, and it is served.

module Spikard
  # An application: a set of routes, their hooks, and a configuration.
  #
  #   app = Spikard::App.new
  #   app.get("/users/{id:int}") { |request| { id: request.path_params[:id] } }
  #   app.run(port: 8080)
  class App
    include Registry

    attr_reader :routes, :hooks

    # `config` is used where none is given when it is served. With `async: true` every handler and
    # hook that does not say otherwise runs on a fiber that waits by yielding.
    def initialize(config = nil, async: false)
      @config = config
      @is_async = async
      @routes = []
      @hooks = Hooks.new
      @boots = []
      @shutdowns = []
      @closers = []
      @checked = Traits.new(Native::Engine.new)
      @checked_functions = []
    end

    # Adds a route that is already described. Raises RouteError, here rather than at start.
    def add(route)
      route.register(@checked, @checked_functions)
      @routes << route
      self
    end

    def register_hook(phase, function)
      @hooks.add(phase, function)
    end

    # Calls the block once per worker, before it accepts connections; with the worker's number,
    # if it takes an argument. What it raises ends the server.
    def on_worker_boot(function = nil, &block)
      @boots << Callable.of(function || block, 1, "on_worker_boot")
      self
    end

    # Calls the block once per worker, after its last request. What it raises is logged.
    def on_worker_shutdown(function = nil, &block)
      @shutdowns << Callable.of(function || block, 1, "on_worker_shutdown")
      self
    end

    # Serves until SIGINT or SIGTERM; a second signal ends what is still in flight.
    #
    # `config` is a ServerConfig or a hash; the keywords replace what it says. The program is
    # started again once per worker, so code above this line runs once per process. Where it
    # cannot be started again (irb, a script on stdin, another thread than the main one), one
    # worker serves in this process. Raises ConfigError; ends the process with a code other than
    # 0 if the server could not start or had to be cut short.
    def run(config = nil, **changes)
      config = changes.delete(:config) if changes.key?(:config)
      Server.run(self, build(config, **changes))
    end

    # Ends the servers of this application that run in this process, from any thread.
    def close
      @closers.each(&:call)
      self
    end

    # What a worker needs: the engine with these routes, its functions and its configuration.
    # Raises ConfigError that names every fault, and RouteError.
    def build(config = nil, **changes)
      json = Config.json(Config.document(config.nil? ? @config : config, **changes))
      engine = Native::Engine.new
      engine.configure(json)
      settings = Config.settings(json)
      traits = Traits.new(engine, settings.dev, errors_seen?, Process.pid)
      functions = []
      register_hooks(traits, functions)
      @routes.each { |route| route.register(traits, functions, @hooks) }
      Built.new(engine, functions, json, settings)
    end

    # Runs the block in the life of a worker: what is to be done before is done, and what after.
    def live(number = 0)
      @boots.each { |boot| boot.call(number) }
      begin
        yield
      ensure
        @shutdowns.each { |shutdown| finish(shutdown, number) }
      end
    end

    # Keeps what ends a server of this application while the block runs.
    def closing(closer)
      @closers << closer
      yield
    ensure
      @closers.delete(closer)
    end

    # An application that can be served.
    Built = Struct.new(:engine, :functions, :json, :settings)

    private

    # Whether hooks want to know what was raised.
    def errors_seen?
      [self, *@routes].any? { |owner| owner.hooks[:on_error].any? }
    end

    def keep(methods, path, options, handler)
      adopt(methods, path, options, handler)
      self
    end

    def adopt(methods, path, options, handler, hooks: nil, tags: [])
      raise ArgumentError, "#{methods.join(' ')} #{path} wants a block" if handler.nil?

      if @is_async && !options.key?(:async) && !options.key?(:is_async) && options[:blocking].nil?
        options = options.merge(async: true)
      end
      add(Route.read(methods, path, options, handler, hooks: hooks, tags: tags))
    end

    # Tells the engine what to stop for where no route is known.
    def register_hooks(traits, functions)
      documents = {}
      placement = @is_async ? "inline" : "proven"
      add_hook = lambda do |phase, function|
        documents[phase] = { function: functions.size, placement: placement }
        functions << function
      end
      if @hooks[:on_request].any?
        add_hook.call(:on_request, Asking.new(:on_request, @hooks, traits, is_async: @is_async))
      end
      if @hooks[:on_error].any?
        add_hook.call(:on_error, Telling.new(@hooks, traits, is_async: @is_async))
      end
      traits.engine.hooks = JSON.generate(documents) unless documents.empty?
    end

    def finish(shutdown, number)
      shutdown.call(number)
    rescue StandardError => e
      Log.write(Log::ERROR, "on_worker_shutdown failed", e)
    end
  end
end
