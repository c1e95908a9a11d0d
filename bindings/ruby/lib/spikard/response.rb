# frozen_string_literal: true

# The response object: for a handler that sets status, headers or media type itself.
#
# Every other result of a handler is a body with status 200. What HTTP cannot carry is refused by
# the engine, not here.

module Spikard
  # What a handler returns to set status, headers or media type.
  class Response
    attr_accessor :content, :status_code, :content_type
    attr_reader :headers
    alias body content
    alias body= content=
    alias status status_code
    alias status= status_code=

    # In a hook: the request that it answers, and the failure that made it, if one did.
    attr_accessor :request, :error

    # `content` (or `body`) is written as a plain result is: a string as text, or as it is if it is
    # binary; nil as no body; anything else as JSON. A `content-type` among the `headers` (a hash,
    # or pairs with repeats) wins over `content_type`, and that over the type of the content.
    #
    # `etag` names this state of the content, so that a GET that names it too is answered 304: a
    # bare text, which is quoted here, or true for a tag of the content's bytes. A `weak_etag`
    # promises the same meaning rather than the same bytes.
    def initialize(content: nil, body: nil, status_code: 200, status: nil, headers: nil,
                   content_type: nil, etag: nil, weak_etag: false)
      @content = content.nil? ? body : content
      @status_code = status || status_code
      @headers = Headers.new(headers)
      @content_type = content_type
      @tags_content = etag == true
      @weak_etag = weak_etag
      @headers["etag"] = Native.etag(etag.to_s, weak_etag) if etag && !@tags_content
    end

    # Sends the client to another location, absolute or relative. 307 and 308 keep the method and
    # the body; after a form, 303 makes browsers ask with GET. Raises ArgumentError for another
    # status than 301, 302, 303, 307 and 308, and for a location that cannot be sent.
    def self.redirect(location, status_code: 307, headers: nil)
      Native.check_redirect(status_code, location)
      response = new(status_code: status_code, headers: headers)
      response.headers["location"] = location
      response
    end

    # What a handler's result becomes, as a response.
    def self.of(result)
      case result
      when Response then result
      when nil then new(content: "null", content_type: "application/json")
      else new(content: result)
      end
    end

    def headers=(fields)
      @headers = fields.is_a?(Headers) ? fields : Headers.new(fields)
    end

    def set_header(name, value)
      @headers[name] = value
    end

    # Sets a cookie. It is sent back for `path` and all below: "/" unless another is given, nil
    # leaves it to the browser. `max_age` is in seconds, `expires` a Time or Unix seconds; without
    # both it ends with the browser's session. Raises ArgumentError for what browsers would drop.
    def set_cookie(name, value = "", max_age: nil, expires: nil, **attributes)
      age = max_age&.to_i
      ends = expires.nil? ? nil : [expires.to_i, 0].max
      add_cookie({ name: name, value: value, max_age: age, expires: ends }, attributes)
    end

    # Ends a cookie. Path and domain must be those that it was set with.
    def delete_cookie(name, **attributes)
      add_cookie({ name: name, ends: true }, attributes)
    end

    # A copy for the hooks of one request: a handler may keep one for all of them.
    def for_hooks(request, error = nil)
      twin = dup
      twin.headers = Headers.new(@headers.pairs)
      twin.request = request
      twin.error = error
      twin
    end

    # Status, content type if the headers have none, header lines and body, for the engine.
    def parts
      media, body = body_of(@content)
      lines = @headers.pairs
      if @tags_content && !@headers.key?("etag")
        lines << ["etag", Native.etag_of(body, @weak_etag)]
      end
      [@status_code, @headers.key?("content-type") ? nil : @content_type || media, lines, body]
    end

    def inspect
      "#<#{self.class.name} #{@status_code} #{@headers.inspect}>"
    end

    private

    def body_of(content)
      case content
      when nil then ["", ""]
      when String
        return ["application/octet-stream", content] if content.encoding == ::Encoding::BINARY

        ["text/plain; charset=utf-8", content.encode(::Encoding::UTF_8)]
      else ["application/json", Native.encode(content)]
      end
    end

    # The engine writes the field, as it knows what browsers drop.
    def add_cookie(document, attributes)
      document[:path] = "/"
      attributes.each do |name, value|
        member = ATTRIBUTES[name] || raise(ArgumentError, "a cookie has no attribute '#{name}'")
        document[member] = value
      end
      @headers.add("set-cookie", Native.set_cookie(JSON.generate(document)))
      self
    end

    # The attributes of a cookie, as the engine names them.
    ATTRIBUTES = {
      path: :path, domain: :domain, secure: :secure, httponly: :http_only,
      samesite: :same_site, partitioned: :partitioned
    }.freeze
    private_constant :ATTRIBUTES
  end
end
