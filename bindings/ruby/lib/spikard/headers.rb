# frozen_string_literal: true

# A table of header fields that ignores case and keeps repeated lines.
#
# Checks nothing: the engine refuses names and values that HTTP cannot carry.

module Spikard
  # Header fields in order. A name may occur several times; looking one up finds the first.
  class Headers
    include Enumerable

    # `fields` is a hash, or pairs in order with repeats; a list as value is one line for each.
    def initialize(fields = nil)
      @pairs = []
      fields&.each do |name, value|
        Array(value).each { |line| @pairs << [name.to_s, line.to_s] }
      end
    end

    # The first value of a name, or nil.
    def [](name)
      wanted = Headers.key(name)
      pair = list.find { |known, _| known.casecmp?(wanted) }
      pair && pair[1]
    end

    # The first value of a name, or what the block says, or `default`; else KeyError.
    def fetch(name, *default)
      value = self[name]
      return value unless value.nil?
      return yield(name) if block_given?

      default.empty? ? raise(KeyError, "no header field #{name}") : default[0]
    end

    # Makes this the one line of its name.
    def []=(name, value)
      name = Headers.key(name)
      list.reject! { |known, _| known.casecmp?(name) }
      list << [name, value.to_s]
    end

    # Appends a line, also if the name is there already (`Set-Cookie`).
    def add(name, value)
      list << [Headers.key(name), value.to_s]
      self
    end

    # Removes every line of a name, and returns the first value.
    def delete(name)
      value = self[name]
      wanted = Headers.key(name)
      list.reject! { |known, _| known.casecmp?(wanted) }
      value
    end

    # Every value of a name, in order.
    def get_all(name)
      wanted = Headers.key(name)
      list.select { |known, _| known.casecmp?(wanted) }.map(&:last)
    end

    def key?(name)
      !self[name].nil?
    end
    alias include? key?
    alias has_key? key?

    # The names, in lower case, each once.
    def keys
      list.map { |name, _| name.downcase }.uniq
    end

    # Yields every line: the name in lower case, and the value.
    def each
      return to_enum(:each) unless block_given?

      list.dup.each { |name, value| yield name.downcase, value }
      self
    end

    # Names in lower case, with their first values.
    def to_h
      keys.to_h { |name| [name, self[name]] }
    end

    # Every line in order, repeats included, as it was given.
    def pairs
      list.map(&:dup)
    end

    def size
      list.size
    end

    def empty?
      list.empty?
    end

    def inspect
      "#<#{self.class.name} #{to_h.inspect}>"
    end

    # A name as it is on the wire: symbols may say `_` for `-`.
    def self.key(name)
      name.is_a?(Symbol) ? name.name.tr("_", "-") : name
    end

    private

    def list
      @pairs
    end
  end

  # The header fields of a request. They are read when they are asked for, and what hooks change of
  # them reaches the engine with their answer.
  class RequestHeaders < Headers
    SET = 0
    ADD = 1
    REMOVE = 2

    def initialize(request)
      super()
      @request = request
      @pairs = nil
      @edits = nil
      @is_closed = false
    end

    def [](name)
      @pairs ? super : @request.__field(Headers.key(name))
    end

    def []=(name, value)
      super
      edit(SET, name, value)
    end

    def add(name, value)
      super
      edit(ADD, name, value)
    end

    def delete(name)
      value = super
      edit(REMOVE, name, "") unless value.nil?
      value
    end

    # What the engine is to be told; nil for nothing.
    def take_edits
      edits = @edits
      @edits = nil
      edits
    end

    # No further change is for the engine: the handler has the request.
    def close
      @is_closed = true
    end

    # A later call of the exchange: the engine knows best, as it has made the changes.
    def refresh
      @pairs = nil
    end

    # The id that a hook gave the exchange, if that is one.
    attr_reader :renamed

    private

    def list
      @pairs ||= @request.__fields
    end

    def edit(kind, name, value)
      name = Headers.key(name)
      value = value.to_s
      if kind == SET && name.casecmp?("x-request-id") && Native.request_id?(value.strip)
        @renamed = value.strip
      end
      (@edits ||= []) << [kind, name, value] unless @is_closed
    end
  end
end
