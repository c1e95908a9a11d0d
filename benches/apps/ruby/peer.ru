# frozen_string_literal: true

# A bare Rack lambda that writes JSON, for Puma: what Ruby's own server costs at the least.

require "json"

run lambda { |_environment|
  body = JSON.generate({ message: "Hello, World!" })
  [200, { "Content-Type" => "application/json", "Content-Length" => body.bytesize.to_s }, [body]]
}
