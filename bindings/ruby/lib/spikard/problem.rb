# frozen_string_literal: true

# The exception that leaves as a problem document (RFC 9457). The engine fills in type, title and
# reason phrase, and writes the document.

module Spikard
  # Raised by a handler or hook to answer with a problem document of this status.
  #
  #   raise Spikard::HttpProblem.new(404, detail: "No such user", user_id: 7)
  class HttpProblem < StandardError
    attr_reader :status, :title, :detail, :type, :headers, :extensions

    # `type` is a URI; without it and `title`, those of the status are taken. `headers` join the
    # reply, and further keywords become members of the document, in order.
    def initialize(status, title: nil, detail: nil, type: nil, headers: nil, **extensions)
      super([status, title, detail].compact.join(" "))
      @status = status
      @title = title
      @detail = detail
      @type = type
      @headers = Headers.new(headers)
      @extensions = extensions
    end

    # What the engine needs to write the document, as JSON.
    def document
      members = {
        status: @status, title: @title, detail: @detail, type: @type,
        headers: (@headers.pairs unless @headers.empty?),
        extensions: (@extensions unless @extensions.empty?)
      }
      Native.encode(members.compact)
    end

    # The problem that a document of the engine's tells of, as if it had been raised.
    def self.of(status, document)
      members = JSON.parse(document)
      members = {} unless members.is_a?(Hash)
      members.delete("status")
      named = %w[title detail type].to_h { |key| [key.to_sym, members.delete(key)] }
      new(status, **named, **members.transform_keys(&:to_sym))
    rescue JSON::ParserError
      new(status)
    end
  end
end
