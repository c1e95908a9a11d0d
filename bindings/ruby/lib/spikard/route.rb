# frozen_string_literal: true

# One route: what the engine is told about it, and the function that answers.
#
# Knows nothing of applications or servers.

module Spikard
  # A route as it is registered: its document, and its handler.
  #
  # Verb methods make these; a program may make its own and give them to `App#add`.
  class Route
    # Options that are members of the document as they are.
    AS_GIVEN = %i[
      response_schema response_validation compression files max_body_size request_timeout cors
      rate_limit auth
    ].freeze

    # Every option of a route. `blocking: true` always runs it on the thread pool, `false` always in
    # place (it must never wait), nil on the pool until it has proven that it never waits.
    # `async: true` runs it in place, on a fiber that waits by yielding.
    OPTIONS = (AS_GIVEN + %i[
      name handler_name async is_async blocking body request_schema body_schema form_schema
      parameters parameter_schema query header_params cookie_params file_params response_headers
      tags
    ]).freeze

    attr_reader :document, :handler, :is_async, :hooks, :tags, :place

    # `document` is a route document without `handler`. Raises RouteError.
    def initialize(document, handler = nil, is_async: false, hooks: nil, tags: [], &block)
      given = handler || block
      @place = Callable.place(given)
      @document = document.transform_keys(&:to_sym)
      @handler = Callable.of(given, 1, "the handler at #{@place}")
      @is_async = is_async
      @hooks = hooks || Hooks.new
      @tags = tags
    end

    # The route of a verb method's arguments. Raises ArgumentError for an unknown option.
    def self.read(methods, path, options, handler, hooks: nil, tags: [])
      refuse_unknown(options, "#{Callable.place(handler)}: a route")
      is_async = options.fetch(:async) { options.fetch(:is_async, false) }
      document = {
        methods: methods, path: path,
        name: (options[:name] || options[:handler_name] || default_name(methods[0], path)).to_s,
        parameters: Parameters.documents(path, options),
        body: body_of(options),
        placement: placement(is_async, options[:blocking]),
        **settings(options)
      }
      new(document, handler, is_async: is_async, hooks: hooks, tags: tags + Array(options[:tags]))
    end

    # Tells an engine of the route and the hooks around it, and adds its functions to the list whose
    # indexes are the engine's numbers. `outer` are the application's hooks.
    def register(traits, functions, outer = Hooks.new)
      joined = outer.joined(@hooks)
      parameters = Parameters.list(Array(@document[:parameters]))
      kept = { is_async: @is_async, parameters: parameters, media: media }
      function = wrap(joined, traits, kept)
      document = @document.merge(handler: functions.size, body: @document[:body] || undeclared)
      functions << function
      document[:hooks] = hook_documents(joined, traits, functions, kept)
      traits.engine.route(Config.json(document))
    rescue RouteError => e
      raise RouteError, "#{@place}: #{e.message}"
    end

    # Raises ArgumentError for options that there are none of, with the nearest of each that is.
    def self.refuse_unknown(options, who)
      faults = (options.keys - OPTIONS).map do |name|
        # Ruby may be started without it.
        checker = DidYouMean::SpellChecker.new(dictionary: OPTIONS) if defined?(DidYouMean)
        near = checker&.correct(name)&.first
        "#{who} has no option #{name}#{"; did you mean #{near}?" if near}"
      end
      raise ArgumentError, faults.join("\n") unless faults.empty?
    end

    # Where the handler of such options runs, in the engine's words.
    def self.placement(is_async, blocking)
      raise RouteError, "blocking: true and async: true exclude each other" if is_async && blocking
      return "inline" if is_async || blocking == false

      blocking ? "pool" : "proven"
    end

    # The name of a route that gives none: `get_users_id`.
    def self.default_name(method, path)
      [method.downcase, *path.gsub(Parameters::PATTERN) { "/#{$1 || $2}" }.scan(/\w+/)].join("_")
    end

    def self.body_of(options)
      schema = options[:request_schema] || options[:body_schema]
      return { media: "json", schema: schema } if schema
      return { media: "form", schema: options[:form_schema] } if options[:form_schema]

      case options[:body]
      when nil
        options[:files] || options[:file_params] ? { media: "form", required: false } : nil
      when Hash then options[:body]
      else { media: options[:body].to_s }
      end
    end

    def self.settings(options)
      given = options.slice(*AS_GIVEN)
      given[:files] ||= options[:file_params] if options[:file_params]
      given[:files] = files_of(given[:files]) if given[:files]
      headers = options[:response_headers]
      given[:response_headers] = headers.map { |name, value| [name.to_s, value.to_s] } if headers
      given
    end

    # Rules by name, or documents as they are.
    def self.files_of(given)
      return given if given.is_a?(Array)

      given.map { |name, rule| { name: name.to_s, **(rule == true ? {} : rule) } }
    end
    private_class_method :default_name, :body_of, :settings, :files_of

    private

    def media
      body = @document[:body]
      return "form" if body.nil? && !Array(@document[:files]).empty?

      body && body.transform_keys(&:to_sym)[:media].to_s
    end

    # A body that the route says nothing of is read for those who ask, whatever it is.
    def undeclared
      return nil if (Array(@document[:methods]) - %w[GET HEAD TRACE]).empty?

      { media: Array(@document[:files]).empty? ? "bytes" : "form", required: false }
    end

    def wrap(joined, traits, kept)
      name = @document[:name].to_s
      around = joined[:pre_handler].any? || joined[:on_response].any? || joined.rescuers.any?
      return HandlerFunction.new(@handler, name, traits, **kept) unless around

      Around.new(@handler, joined, name, traits, **kept)
    end

    # The crossings of the route's own, in place of the application's.
    def hook_documents(joined, traits, functions, kept)
      documents = {}
      if joined[:pre_validation].any?
        asking = Asking.new(:pre_validation, joined, traits, **kept)
        documents[:pre_validation] = enter(asking, functions)
      end
      if @hooks[:on_error].any?
        documents[:on_error] = enter(Telling.new(joined, traits, **kept), functions)
      end
      documents
    end

    def enter(function, functions)
      functions << function
      { function: functions.size - 1, placement: function.async? ? "inline" : "proven" }
    end
  end
end
