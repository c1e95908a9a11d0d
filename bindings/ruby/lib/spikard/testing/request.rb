# frozen_string_literal: true

# A request as the bytes that go on the wire. Knows nothing of how they get there.

require "securerandom"
require "uri"

module Spikard
  module Testing
    # Writes requests.
    module Wire
      MEDIA = {
        ".txt" => "text/plain", ".html" => "text/html", ".csv" => "text/csv",
        ".json" => "application/json", ".png" => "image/png", ".jpg" => "image/jpeg",
        ".jpeg" => "image/jpeg", ".gif" => "image/gif",
        ".pdf" => "application/pdf", ".zip" => "application/zip"
      }.freeze
      NOTHING = Object.new.freeze

      module_function

      # A request as bytes.
      #
      # `json` is any value, nil included; `data` is sent as it is, or is the fields of a form; with
      # `files` that form is multipart. Adds `host`, and with a body its length and type, unless
      # `headers` has them. Raises ArgumentError for a line break where it would end a line, and for
      # two bodies.
      def write(method, path, json: NOTHING, data: nil, raw_body: nil, files: nil, params: nil,
                query: nil, headers: nil, cookies: nil)
        has_json = !json.equal?(NOTHING)
        data = raw_body unless raw_body.nil?
        raise ArgumentError, "give json or data, not both" if has_json && !data.nil?

        fields = Headers.new(headers)
        body = data
        if files
          if has_json || data.is_a?(String)
            raise ArgumentError, "files come with the fields of a form"
          end

          boundary = SecureRandom.hex(16)
          body = multipart(boundary, data || [], files)
          default(fields, "content-type", "multipart/form-data; boundary=#{boundary}")
        elsif has_json
          body = Native.encode(json)
          default(fields, "content-type", "application/json")
        elsif !body.nil? && !body.is_a?(String)
          body = encode(body)
          default(fields, "content-type", "application/x-www-form-urlencoded")
        end
        lines(method, target(path, params || query), fields, body&.b, cookies)
      end

      def lines(method, target, fields, body, cookies)
        cookies = cookies&.map { |name, value| "#{name}=#{value}" }
        fields.add("cookie", cookies.join("; ")) if cookies
        if body && !fields.key?("transfer-encoding")
          default(fields, "content-length", body.bytesize.to_s)
        end
        lines = ["#{method} #{target} HTTP/1.1"]
        lines << "host: localhost" unless fields.key?("host")
        lines += fields.pairs.map { |name, value| "#{name}: #{value}" }
        if lines.any? { |line| line.match?(/[\r\n]/) }
          raise ArgumentError, "a method, path or header has a line break in it"
        end

        "#{lines.join("\r\n")}\r\n\r\n".b + (body || "")
      end

      def default(fields, name, value)
        fields[name] = value unless fields.key?(name)
      end

      # The path and the query; what is not visible ASCII is percent-encoded.
      def target(path, params)
        target = path.b.gsub(/[^\x21-\x7e]/n) { |byte| format("%%%02X", byte.ord) }
        return target if params.nil? || params.empty?

        "#{target}#{target.include?('?') ? '&' : '?'}#{encode(params)}"
      end

      # Names and values as queries and forms have them; lists become repeated names.
      def encode(params)
        pairs = params.map do |name, value|
          [name, value.is_a?(Array) ? value.map(&:to_s) : value.to_s]
        end
        URI.encode_www_form(pairs)
      end

      # A form with files (RFC 7578): each as its content, or as [filename, content, media type]; a
      # list of these for several.
      def multipart(boundary, fields, files)
        parts = fields.flat_map do |name, value|
          Array(value).map { |each| ["name=\"#{quoted(name)}\"", each.to_s] }
        end
        files.each do |name, given|
          several = given.is_a?(Array) && !given[0].is_a?(String) ? given : [given]
          several.each { |file| parts << file_part(name, file) }
        end
        body = parts.map do |head, content|
          "--#{boundary}\r\ncontent-disposition: form-data; #{head}\r\n\r\n".b +
            content.b + "\r\n".b
        end
        body.join + "--#{boundary}--\r\n".b
      end

      def file_part(name, given)
        filename, content, media = given.is_a?(Array) ? given : [nil, given, nil]
        filename ||= content.respond_to?(:path) ? File.basename(content.path) : "upload"
        content = content.read if content.respond_to?(:read)
        media ||= MEDIA.fetch(File.extname(filename).downcase, "application/octet-stream")
        names = "name=\"#{quoted(name)}\"; filename=\"#{quoted(filename)}\""
        ["#{names}\r\ncontent-type: #{media}", content]
      end

      # A name as browsers write it (WHATWG HTML, multipart form data).
      def quoted(name)
        name.to_s.gsub(/["\r\n]/) { |char| format("%%%02X", char.ord) }
      end
    end
  end
end
