# frozen_string_literal: true

# The test client: calls an application as a client does, in process or over a socket.

require "spikard"
require "spikard/testing/reply"
require "spikard/testing/request"
require "spikard/testing/client"

module Spikard
  # Tools for tests of applications.
  module Testing
    # As `TestClient.new`; with a block the client is closed behind it.
    def self.create_test_client(app, **options)
      client = TestClient.new(app, **options)
      return client unless block_given?

      begin
        yield client
      ensure
        client.close
      end
    end
  end

  TestClient = Testing::TestClient
end
