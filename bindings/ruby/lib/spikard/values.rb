# frozen_string_literal: true

# What becomes of values that JSON does not know when they are written: structs and data objects are
# objects, times are RFC 3339 text. Hashes, arrays, strings, numbers, true, false and nil never come
# here. Knows nothing of replies.

require "time"

module Spikard
  # Turns a value into one that JSON knows, one level deep.
  module Values
    # Ruby's own `to_json` of objects, which only quotes `to_s`.
    GENERIC = [Object, Kernel, JSON::Ext::Generator::GeneratorMethods::Object].freeze

    module_function

    # Raises ArgumentError for what has no meaning in JSON.
    def call(value)
      case value
      when Struct then value.to_h
      when Time then value.iso8601(value.subsec.zero? ? 0 : 6)
      else by_method(value)
      end
    end

    def by_method(value)
      return value.iso8601 if value.respond_to?(:iso8601)
      return value.to_f if value.is_a?(Rational)
      return JSON.parse(value.to_json) unless GENERIC.include?(value.method(:to_json).owner)
      return value.to_hash if value.respond_to?(:to_hash)
      return value.to_a if value.is_a?(Enumerable) && !value.is_a?(Enumerator)
      return value.to_h if value.respond_to?(:to_h)
      return value.to_s("F") if defined?(BigDecimal) && value.is_a?(BigDecimal)

      raise ArgumentError, "#{value.class} has no meaning in JSON: return a Hash, an Array, a " \
                           "Struct, or define `to_h` or `to_json`"
    end
  end
end
