# frozen_string_literal: true

# What tests share: an application served for the length of a block, and what was logged meanwhile.

require "minitest/autorun"
require "spikard/testing"

module Serving
  TRANSPORTS = %i[inject socket].freeze

  # Keeps what is logged.
  class Lines
    attr_reader :all

    def initialize
      @all = []
    end

    def add(_severity, text)
      @all << text
    end

    def info(text)
      @all << text
    end

    def text
      @all.join("\n")
    end
  end

  # An application made by the block, and a client of it.
  def serve(transport: :inject, config: nil, async: false)
    app = Spikard::App.new(async: async)
    yield app
    @clients ||= []
    client = Spikard::TestClient.new(app, config: config, transport: transport)
    @clients << client
    client
  end

  # Serves one handler at "/", and returns its reply.
  def reply_of(config: nil, **options, &handler)
    serve(config: config) { |app| app.get("/", **options, &handler) }.get("/")
  end

  # The lines logged while the block ran.
  def logged
    lines = Lines.new
    before = Spikard.logger
    Spikard.logger = lines
    yield
    lines.text
  ensure
    Spikard.logger = before
  end

  def setup
    Spikard.logger = Lines.new
  end

  def teardown
    @clients&.each(&:close)
    Spikard.logger = nil
  end
end
