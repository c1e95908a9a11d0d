# frozen_string_literal: true

# What applications and groups share: one method per verb, hooks, and what rescues exceptions.

module Spikard
  # Registers handlers and hooks. Who includes it has `keep(methods, path, options, handler)` and
  # `hooks`.
  module Registry
    include HookMethods

    # GET also answers HEAD, unless that has its own.
    %w[get post put patch delete head options trace].each do |verb|
      define_method(verb) do |path, handler = nil, **options, &block|
        keep([verb.upcase], path, options, handler || block)
      end
    end

    # The same for several methods at once.
    def route(methods, path, handler = nil, **options, &block)
      keep(Array(methods).map { |method| method.to_s.upcase }, path, options, handler || block)
    end

    # Calls the block for exceptions of these classes, of handlers and of hooks: with the exception
    # and, if it takes two arguments, the request. What it returns or raises is the reply; the
    # nearest class wins.
    def rescue_from(*kinds, with: nil, &block)
      raise ArgumentError, "rescue_from takes classes of exceptions" if kinds.empty?

      kinds.each { |kind| hooks.rescue_from(kind, with || block) }
      self
    end

    # Registers routes under a prefix, with hooks and options of their own.
    #
    #   app.group("/users", tags: ["users"]) do |users|
    #     users.get("/:id") { |request| ... }
    #   end
    def group(prefix = "", tags: [], **options)
      group = Group.new(self, prefix, Array(tags), options)
      yield group
      group.finish
      self
    end

    private

    # What a group hands on.
    def adopt(methods, path, options, handler, hooks: nil, tags: [])
      raise NotImplementedError
    end
  end

  # Routes under a prefix.
  class Group
    include Registry

    # Its own hooks.
    attr_reader :hooks

    def initialize(outer, prefix, tags, options)
      check(prefix)
      Route.refuse_unknown(options, "a group")
      @outer = outer
      @prefix = prefix
      @tags = tags
      @options = options
      @hooks = Hooks.new
      @entries = []
    end

    def register_hook(phase, function)
      if phase == :on_request
        raise RouteError, "#{Callable.place(function)}: on_request runs before routing, when no " \
                          "group is known; use app.on_request, or pre_validation here"
      end
      @hooks.add(phase, function)
    end

    # Hands the routes over, once all hooks are known.
    def finish
      @entries.each do |methods, path, options, handler, hooks, tags|
        @outer.send(:adopt, methods, @prefix + path, @options.merge(options), handler,
                    hooks: @hooks.joined(hooks), tags: @tags + (tags - @tags))
      end
      @entries = nil
    end

    private

    def keep(methods, path, options, handler)
      adopt(methods, path, options, handler)
      self
    end

    def adopt(methods, path, options, handler, hooks: Hooks.new, tags: [])
      if @entries.nil?
        raise RouteError, "the group '#{@prefix}' is closed: register inside of its block"
      end
      unless path.empty? || path.start_with?("/")
        raise RouteError, "the path '#{path}' of a group's route begins with '/', or is empty"
      end

      @entries << [methods, path, options, handler, hooks, tags]
    end

    def check(prefix)
      return if prefix.empty? || prefix.match?(%r{\A(/[^/]+)+\z})

      raise RouteError, "the prefix '#{prefix}' begins with '/', does not end with it, and has " \
                        "no empty segment"
    end
  end
end
