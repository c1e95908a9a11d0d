# frozen_string_literal: true

# The request, as handlers and hooks see it: Ruby's names upon what the native side holds.
#
# Everything is read when it is asked for. It may be kept after the answer. Hooks have it before all
# of it is known: it grows with the calls of its exchange.

module Spikard
  # One request. `method`, `path`, `query_string`, `scheme` and `route` are the native
  # side's.
  class Request
    # What `request[:name]` reads.
    KEYS = %i[
      method path path_params query query_params raw_query query_string url scheme host client route
      request_id http_version headers cookies params state claims body raw_body files
    ].freeze

    # The same by name, for those who like hashes: `request[:path_params]`.
    def [](key)
      key = key.to_sym
      return public_send(key) if KEYS.include?(key)

      raise KeyError, "a request has no #{key.inspect}; it has #{KEYS.join(', ')}"
    end

    alias raw_query query_string

    # The id of the exchange, as hooks have named it; empty if ids are off.
    def request_id
      kept[:headers]&.renamed || received_id
    end

    # The header fields; names ignore case. Hooks may change them.
    def headers
      kept[:headers] ||= RequestHeaders.new(self)
    end

    # The host and port that the client asked for.
    def host
      headers["host"].to_s
    end

    # The whole URL, as the client has it.
    def url
      query = query_string
      "#{scheme}://#{host}#{path}#{'?' unless query.empty?}#{query}"
    end

    # "1.0" or "1.1".
    def http_version
      version_minor.zero? ? "1.0" : "1.1"
    end

    # Address and port of the client, as trusted proxies say, else of the other end of the
    # connection; nil in process.
    def client
      peer
    end

    # The cookies by name; the first of a name wins.
    def cookies
      kept[:cookies] ||= headers.get_all("cookie").each_with_object(Request.table) do |line, found|
        cookie_pairs(line).each { |name, value| found[name] = value unless found.key?(name) }
      end
    end

    # Every converted parameter by its name, wherever it was read from.
    def params
      kept[:params] ||= table_of(function.slots)
    end

    # The converted path parameters by name.
    def path_params
      kept[:path_params] ||= table_of(function.path_slots)
    end

    # The converted query parameters by name.
    def query_params
      kept[:query_params] ||= table_of(function.query_slots)
    end

    # Every name of the query: converted where the route declares it, else as sent, in a list where
    # it is repeated.
    def query
      kept[:query] ||= begin
        all = Request.table
        URI.decode_www_form(query_string.b).each do |name, value|
          name, value = [name, value].map { |text| text.force_encoding(::Encoding::UTF_8) }
          all[name] = all.key?(name) ? [*all[name], value] : value
        end
        all.merge!(query_params)
      rescue ArgumentError
        query_params
      end
    end

    # A hash of the application's own, for this request; hooks and handler share it. The claims of
    # its token are in it.
    def state
      state = kept[:state] ||= Request.table
      state["claims"] = claims if claims && !state.key?("claims")
      state
    end

    # The claims of the token that let the request in; nil without one, and before it is judged.
    def claims
      text = claims_text
      text && (kept[:claims] ||= JSON.parse(text))
    end

    # The body: its value where it is JSON or a form, else its bytes.
    def body
      kept.fetch(:body) { kept[:body] = read_body }
    end

    # The body's bytes. Raises in hooks before routing: it is not read yet.
    def raw_body
      raw_body_bytes || raise(Error, "the body is not read yet when on_request hooks run; " \
                                     "use pre_validation")
    end
    alias body_bytes raw_body

    # The body as UTF-8 text.
    def text
      text = raw_body.dup.force_encoding(::Encoding::UTF_8)
      text.valid_encoding? ? text : raise(EncodingError, "the body is not UTF-8")
    end

    # The body, read as JSON; keys are strings. Raises JSON::ParserError if it is not.
    def json
      kept.fetch(:json) { kept[:json] = JSON.parse(raw_body.dup.force_encoding(::Encoding::UTF_8)) }
    end

    # The body, read as a form: its fields, with its files under their names. Raises HttpProblem if
    # it is none.
    def form
      kept[:form] ||= if function.reads_form?
                        with_files(raw_body.empty? ? {} : json.dup, files)
                      else
                        read_form
                      end
    end

    # The files that came with the form, in order.
    def files
      kept[:files] ||= UploadFile.all(raw_uploads || [])
    end

    def inspect
      "#<#{self.class.name} #{method} #{path}>"
    end

    # A hash with strings as keys that takes symbols as well.
    def self.table
      Hash.new(&BY_SYMBOL)
    end

    BY_SYMBOL = ->(hash, key) { key.is_a?(Symbol) ? hash.fetch(key.name, nil) : nil }
    private_constant :BY_SYMBOL

    # For hooks and what answers; not for applications.
    def __kept
      kept
    end

    # A later call of the exchange knows more.
    def __refresh
      return unless memo

      %i[params path_params query_params query].each { |key| kept.delete(key) }
      kept.delete(:body) if kept[:body].nil?
      kept[:headers]&.refresh
    end

    def __take_edits
      memo && memo[:headers]&.take_edits
    end

    def __close
      headers.close
    end

    private

    def kept
      memo || (self.memo = {})
    end

    # The values that are there, by the names of these slots.
    def table_of(slots)
      table = Request.table
      found = values or return table

      slots.each do |name, index|
        value = found[index]
        table[name] = value unless value.equal?(:absent)
      end
      table
    end

    def read_body
      media = function.media || media_of(headers["content-type"])
      return raw_body if media == "bytes" || media.nil?
      return form if media == "form"

      raw_body.empty? ? nil : json
    rescue JSON::ParserError => e
      raise HttpProblem.new(400, detail: "Invalid request format"), cause: e
    end

    # What a content type says that a body is, if that is known.
    def media_of(type)
      name = type.to_s[/\A[^;]*/].strip.downcase
      return "json" if name == "application/json" || name.end_with?("+json")

      "form" if name == "application/x-www-form-urlencoded" || name == "multipart/form-data"
    end

    def read_form
      read = JSON.parse(function.engine.read_form(headers["content-type"], raw_body))
      if (problem = read["problem"])
        raise HttpProblem.new(problem.delete("status"), **problem.transform_keys(&:to_sym))
      end

      bytes = raw_body
      files = read["files"].map do |told|
        content = bytes.byteslice(told["start"], told["size"])
        UploadFile.new(told["name"], told["filename"], told["content_type"].to_s, told["headers"],
                       told["size"], content)
      end
      with_files(read["fields"], files)
    end

    def with_files(fields, files)
      files.each do |file|
        known = fields[file.name]
        fields[file.name] = known.nil? ? file : [*known, file]
      end
      fields
    end
  end
end
