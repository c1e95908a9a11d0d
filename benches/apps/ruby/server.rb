# frozen_string_literal: true

# The Ruby application under load: the routes of `apps/rust/server.rs`, and a look inside.
#
# PORT, ENGINE (`auto`, `io_uring`, `epoll`) and CONFIG (further settings, as JSON) come from the
# environment; there is one worker, because the scripts compare what one core does.

$LOAD_PATH.unshift(File.expand_path("../../../bindings/ruby/lib", __dir__))

require "json"
require "spikard"

BIG = Array.new(280) do |each|
  { id: each, name: "User #{each}", email: "user#{each}@example.com", score: each * 37 % 101 }
end

ORDER = JSON.parse(File.read(File.expand_path("../order.json", __dir__)))

app = Spikard::App.new

app.get("/hello", async: true) { { message: "Hello, World!" } }
app.get("/sync") { { message: "Hello, World!" } }

app.get("/users/{user_id:int}") do |request|
  id = request.path_params["user_id"]
  { id: id, name: "User #{id}" }
end

app.get("/wait/{milliseconds:int}", async: true) do |request|
  milliseconds = request.path_params["milliseconds"]
  sleep(milliseconds / 1000.0)
  { waited: milliseconds }
end

app.get("/block/{milliseconds:int}", blocking: true) do |request|
  milliseconds = request.path_params["milliseconds"]
  sleep(milliseconds / 1000.0)
  { waited: milliseconds }
end

search = { term: String, limit: Integer, offset: Integer, price: Float, in_stock: TrueClass }
app.get("/search", query: search) { |request| request.query_params }

app.get("/big") { BIG }

app.post("/orders", request_schema: ORDER) do |request|
  order = request.body
  { id: order["id"], lines: order["lines"].size, first: order["lines"][0]["sku"] }
end

app.post("/length") { |request| { bytes: request.raw_body.bytesize } }

app.post("/upload", files: { file: true }) do |request|
  file = request.files[0]
  { name: file.filename, bytes: file.each_chunk.sum(&:bytesize) }
end

settings = JSON.parse(ENV.fetch("CONFIG", "{}"))
settings["engine"] = ENV.fetch("ENGINE", "auto")
app.run(settings, host: "127.0.0.1", port: Integer(ENV.fetch("PORT")), workers: 1)
