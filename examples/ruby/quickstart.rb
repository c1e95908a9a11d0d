# frozen_string_literal: true

# The first program of the manual: two routes, four workers, compression and a rate limit.
#
# Run it with `ruby -I bindings/ruby/lib examples/ruby/quickstart.rb`, or on another port with
# `PORT=9000 ./taskw demo:ruby`.

require "spikard"

# Create a simple API
app = Spikard::App.new

app.get("/hello") { { message: "Hello, World!" } }

app.get("/users/{user_id:int}") do |request|
  id = request.path_params[:user_id]
  { id: id, name: "User #{id}" }
end

# Configure server with middleware
config = Spikard::ServerConfig.new(
  host: "0.0.0.0",
  port: 8080,
  workers: 4,
  compression: Spikard::CompressionConfig.new(gzip: true, brotli: true, quality: 9),
  rate_limit: Spikard::RateLimitConfig.new(per_second: 100, burst: 200, ip_based: true),
  enable_request_id: true,
  graceful_shutdown: true
)

# Run the server
app.run(config: config)
