# frozen_string_literal: true

# Blocks as functions: `return` answers as `next` does, and `self` stays what it was where the block
# was written.

module Spikard
  # Makes what is registered callable with a known number of arguments.
  module Callable
    module_function

    # What has `call(*arguments)` with as many as `takes`, of a block or of whatever has `call`;
    # what it does not take is left out. `what` names it in the RouteError for one that wants
    # more.
    def of(given, takes, what)
      raise RouteError, "#{what} is a block, or has `call`" unless given.respond_to?(:call)

      callable = method_of(given)
      most = most_arguments(callable, takes, what)
      return callable if most == takes

      return ->(*) { callable.call } if most.zero?

      ->(*arguments) { callable.call(*arguments.first(most)) }
    end

    # A block as a method of the object that it was written in: a `return` in a plain block would
    # leave a method that has returned long since.
    def method_of(given)
      return given if !given.is_a?(Proc) || given.lambda?

      receiver = given.binding.receiver
      Module.new { define_method(:handler, &given) }.instance_method(:handler).bind(receiver)
    rescue ArgumentError
      # A block made by C code has no `return`.
      given
    end

    def most_arguments(callable, takes, what)
      callable = callable.method(:call) unless callable.respond_to?(:parameters)
      kinds = callable.parameters.map(&:first)
      required = kinds.count(:req)
      if required > takes || kinds.include?(:keyreq)
        count = takes == 1 ? "one argument" : "#{takes} arguments"
        raise RouteError, "#{what} takes #{count} by position"
      end
      return takes if kinds.include?(:rest)

      [required + kinds.count(:opt), takes].min
    end

    # Where a block or method was written.
    def place(given)
      source = given.respond_to?(:source_location) ? given.source_location : nil
      source ? source.join(":") : given.class.name.to_s
    end
  end
end
