# frozen_string_literal: true

# A reply as it stands on the wire, read strictly (RFC 9112): a lenient reader would hide what a
# client in the field trips over. Knows nothing of sockets or applications.

module Spikard
  module Testing
    # The bytes are no reply of HTTP/1.1.
    class ReplyError < StandardError
    end

    # One reply: status, headers and body.
    class Response
      STATUS_LINE = %r{\AHTTP/1\.[01] ([1-5][0-9]{2}) [\t\x20-\x7e\x80-\xff]*\z}n.freeze
      FIELD = /\A([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)\z/n.freeze

      # The status; the header fields, whose lookup ignores case; the body's bytes; and the statuses
      # of the replies before the final one (100 Continue).
      attr_reader :status_code, :headers, :body_bytes, :interim
      alias status status_code
      alias body body_bytes
      alias bytes body_bytes

      def initialize(status_code, headers, body_bytes, interim = [])
        @status_code = status_code
        @headers = headers
        @body_bytes = body_bytes
        @interim = interim
      end

      # The body as UTF-8 text.
      def text
        @body_bytes.dup.force_encoding(Encoding::UTF_8)
      end
      alias body_text text

      # The body, read as JSON.
      def json
        JSON.parse(text)
      end

      def inspect
        "#<#{self.class.name} #{@status_code}, #{@body_bytes.bytesize} bytes>"
      end

      # Reads the first reply of `data`, to a request of this method. Returns it and where it ends,
      # or nil if more is to come; `is_whole` says that nothing will.
      def self.read(data, method, is_whole)
        interim = []
        start = 0
        while true
          finish = data.index("\r\n\r\n", start)
          if finish.nil?
            return nil unless is_whole

            raise ReplyError, "no end of the head in #{data[start, 80].inspect}"
          end

          status, headers = head(data[start...finish])
          start = finish + 4
          break if status >= 200

          interim << status
        end
        length = length_of(headers, method, status) || (is_whole ? data.bytesize - start : nil)
        return nil if length.nil?

        if data.bytesize < start + length
          raise ReplyError, "#{data.bytesize - start} bytes of a body of #{length}" if is_whole

          return nil
        end
        [new(status, headers, data.byteslice(start, length), interim), start + length]
      end

      # Reads a status line and header fields (RFC 9112 §4, RFC 9110 §5.5).
      def self.head(head)
        first, *lines = head.split("\r\n", -1)
        status = STATUS_LINE.match(first) or raise(ReplyError, "#{first.inspect} is no status line")
        headers = Headers.new
        lines.each do |line|
          field = FIELD.match(line) or raise(ReplyError, "#{line.inspect} is no header field")
          value = field[2].gsub(/\A[\t ]+|[\t ]+\z/n, "")
          value = value.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8)
          headers.add(field[1].encode(Encoding::UTF_8), value)
        end
        [status[1].to_i, headers]
      end

      # How long a body is, or nil if it ends with the data (RFC 9112 §6.3).
      def self.length_of(headers, method, status)
        raise ReplyError, "a reply in chunks was not expected" if headers.key?("transfer-encoding")

        declared = headers.get_all("content-length")
        if declared.size > 1 || declared.any? { |value| !value.match?(/\A[0-9]+\z/) }
          raise ReplyError, "content-length is #{declared.inspect}"
        end
        return 0 if method == "HEAD" || [204, 304].include?(status)

        declared.empty? ? nil : declared[0].to_i
      end
      private_class_method :head, :length_of
    end
  end
end
