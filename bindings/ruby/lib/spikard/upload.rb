# frozen_string_literal: true

# Uploaded files: what a client sent as a file of a multipart form.
#
# A small file is in memory, a large one in a temporary file without a name, which is gone when the
# last upload of its request is. Knows nothing of how forms are parsed or judged.

require "stringio"

module Spikard
  # A file as a client sent it. It may be kept after the answer.
  class UploadFile
    # The name of the form's field.
    attr_reader :name

    # The file's name as the client sent it, which may be any path: never open it.
    attr_reader :filename

    # The media type that the client says it is; nil if it says nothing.
    attr_reader :content_type

    # How many bytes it has.
    attr_reader :size

    # Makes a file of bytes, as tests do; the engine makes its own, of a spool from `start` on.
    def initialize(name, filename, content_type = "", headers = "", size = nil, content = "",
                   start = 0)
      @name = name
      @filename = filename
      @content_type = content_type.empty? ? nil : content_type
      @headers = headers
      @size = size || content.bytesize
      @content = content
      @start = start
      @position = 0
    end

    # The files of one request, of what the native side gives; they share their spool.
    def self.all(rows)
      spool = nil
      rows.map do |*words, content, start|
        content = (spool ||= File.for_fd(content, "rb")) if content.is_a?(Integer)
        new(*words, content, start)
      end
    end

    # The header fields of its part, by their names in lower case.
    def headers
      @headers.lines(chomp: true).to_h { |line| line.split(": ", 2) }
    end

    # Whether its content is in a temporary file rather than in memory.
    def spooled?
      !@content.is_a?(String)
    end

    # The next `length` bytes, nil at the end; without a length, all that are left.
    def read(length = nil)
      left = @size - @position
      return length ? nil : "".b if left <= 0

      count = length ? [length, left].min : left
      bytes = spooled? ? section(count) : @content.byteslice(@start + @position, count)
      @position += bytes.bytesize
      bytes.b
    end

    # Reads again from the start.
    def rewind
      @position = 0
      self
    end

    # What is left, in pieces.
    def each_chunk(length = 65_536)
      return to_enum(:each_chunk, length) unless block_given?

      while (piece = read(length))
        yield piece
      end
      self
    end

    # The whole content, as a file in memory that libraries can read.
    def to_io
      StringIO.new(rewind.read)
    end

    def inspect
      "#<#{self.class.name} #{@filename.inspect} of #{@size} bytes>"
    end

    private

    def section(count)
      pieces = +"".b
      while pieces.bytesize < count
        pieces << @content.pread(count - pieces.bytesize, @start + @position + pieces.bytesize)
      end
      pieces
    end
  end
end
