# frozen_string_literal: true

# What a route reads outside of the body, as its options say it: documents for the engine, and names
# for the request.

module Spikard
  # One value that the engine delivers: its name, its name on the wire, and where it is read.
  Parameter = Struct.new(:name, :wire, :source)

  # Reads `parameters`, `parameter_schema`, `query`, `header_params` and `cookie_params`.
  module Parameters
    PATTERN = %r!\{([^}:]+)(?::[^}]*)?\}|/:([A-Za-z_]\w*)!.freeze
    SOURCES = { query: "query", header_params: "header", cookie_params: "cookie" }.freeze
    TYPES = {
      String => "string", Integer => "integer", Float => "number", Numeric => "number",
      TrueClass => "boolean", FalseClass => "boolean", Array => "array", Hash => "object"
    }.freeze

    module_function

    # The documents of all parameters: those that are declared, and those of the path.
    def documents(path, options)
      declared = declared(options)
      named = declared.select { |document| document[:source] == "path" }
      from_path = names(path) - named.map { |document| document[:name] }
      from_path.map { |name| { name: name, source: "path" } } + declared
    end

    # The same for the request.
    def list(documents)
      documents.map do |document|
        document = document.transform_keys(&:to_sym)
        name = document[:name].to_s
        Parameter.new(name.freeze, (document[:alias] || name).to_s.freeze, document[:source].to_s)
      end
    end

    # The names in a path pattern, in order.
    def names(path)
      path.scan(PATTERN).map { |braced, colon| braced || colon }
    end

    def declared(options)
      given = Array(options[:parameters]).map { |document| document.transform_keys(&:to_sym) }
      given += of_schema(options[:parameter_schema]) if options[:parameter_schema]
      SOURCES.each do |option, source|
        (options[option] || {}).each { |name, schema| given << of_pair(name, source, schema) }
      end
      given.each { |document| document[:name] = document[:name].to_s }
      given.each { |document| document[:source] = document[:source].to_s }
    end

    # One object schema for all: each property says its `source`.
    def of_schema(schema)
      schema = schema.transform_keys(&:to_sym)
      required = Array(schema[:required]).map(&:to_s)
      schema.fetch(:properties, {}).map do |name, property|
        property = property.transform_keys(&:to_sym)
        source = property.delete(:source) || "query"
        is_required = required.include?(name.to_s) || source == "path"
        { name: name, source: source, required: is_required, schema: property }
          .merge(default_of(property))
      end
    end

    # A name and its schema, or a class that stands for one; `optional: true` in it, or a default,
    # lets it be absent.
    def of_pair(name, source, schema)
      schema = { type: type_of(schema, name) } if schema.is_a?(Class)
      schema = schema.transform_keys(&:to_sym)
      is_optional = schema.delete(:optional)
      wire = schema.delete(:alias)
      { name: name, source: source, required: !is_optional, schema: schema,
        **(wire ? { alias: wire } : {}), **default_of(schema) }
    end

    def default_of(schema)
      schema.key?(:default) ? { default: schema[:default], required: false } : {}
    end

    def type_of(kind, name)
      TYPES.fetch(kind) do
        raise RouteError, "#{name}: #{kind} stands for no schema; use a Hash, or one of " \
                          "#{TYPES.keys.join(', ')}"
      end
    end
  end
end
