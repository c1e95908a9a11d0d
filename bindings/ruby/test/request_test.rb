# frozen_string_literal: true

# What handlers see of requests.

require "support/serving"

class RequestTest < Minitest::Test
  include Serving

  def seen(method = "GET", path = "/", route = "/", transport: :inject, options: {}, **request,
           &look)
    client = serve(transport: transport) { |app| app.route(method, route, **options, &look) }
    client.request(method, path, **request)
  end

  def test_the_head
    reply = seen("GET", "/a/b?x=1&y=2", "/a/:id", headers: { "X-One" => "1" }) do |request|
      [request.method, request.path, request.query_string, request.url, request.scheme,
       request.route, request.http_version, request.headers["x-one"], request[:method]]
    end
    assert_equal(["GET", "/a/b", "x=1&y=2", "http://localhost/a/b?x=1&y=2", "http", "/a/:id", "1.1",
                  "1", "GET"], reply.json)
  end

  def test_headers_ignore_case_and_keep_repeats
    headers = [["X-A", "1"], ["x-a", "2"]]
    reply = seen(headers: headers) do |request|
      found = request.headers
      [found["x-A"], found.get_all(:x_a), found.key?("x-b"), found.fetch("x-b", "none"),
       found.keys]
    end
    assert_equal(["1", %w[1 2], false, "none", %w[host x-a]], reply.json)
  end

  def test_parameters_come_converted_by_strings_or_symbols
    query = { page: { type: "integer", default: 1 }, tags: { type: "array", optional: true } }
    options = { query: query, header_params: { x_count: Integer },
                cookie_params: { seen: { type: "boolean" } } }
    reply = seen("GET", "/users/7?tags=a&tags=b&other=o", "/users/{id:int}", options: options,
                 headers: { "x-count" => "3" }, cookies: { seen: "true" }) do |request|
      [request.path_params[:id], request.path_params["id"], request[:query_params],
       request.query["other"], request.params[:x_count], request.params[:seen],
       request.cookies[:seen]]
    end
    assert_equal([7, 7, { "page" => 1, "tags" => %w[a b] }, "o", 3, true, "true"], reply.json)
  end

  def test_one_schema_may_describe_all_parameters
    schema = { type: "object", required: ["q"],
               properties: { q: { type: "string", source: "query" }, n: { type: "integer" } } }
    client = serve { |app| app.get("/", parameter_schema: schema) { |request| request.params } }
    assert_equal({ "q" => "x", "n" => 2 }, client.get("/", params: { q: "x", n: 2 }).json)
    rows = client.get("/", params: { n: "x" }).json["errors"]
    assert_equal([%w[query n], %w[query q]], rows.map { |row| row["loc"] }.sort)
  end

  def test_json_bodies_keep_strings_as_keys
    reply = seen("POST", json: { a: { b: [1, nil] } }) do |request|
      [request.body, request.json.keys]
    end
    assert_equal([{ "a" => { "b" => [1, nil] } }, ["a"]], reply.json)
    exact = '{"big":123456789012345678901234567890,"f":1.5}'
    headers = { "content-type" => "application/json" }
    reply = seen("POST", raw_body: exact, headers: headers, &:body)
    assert_equal(exact, reply.text)
  end

  def test_a_body_that_is_not_json_is_a_400_where_it_is_asked_for
    headers = { "content-type" => "application/json" }
    assert_equal(400, seen("POST", raw_body: "{", headers: headers, &:body).status)
    assert_equal("{", seen("POST", raw_body: "{", headers: headers, &:raw_body).body_bytes)
  end

  def test_schemas_are_judged_by_the_engine
    schema = { type: "object", required: ["name"], properties: { name: { type: "string" } } }
    client = serve do |app|
      app.post("/", request_schema: schema) { |request| request.body["name"] }
    end
    assert_equal("x", client.post("/", json: { name: "x" }).text)
    refused = client.post("/", json: {})
    assert_equal([422, "missing"], [refused.status, refused.json["errors"][0]["type"]])
  end

  def test_forms_and_files
    reply = seen("POST", data: { a: "1", b: %w[x y] }, &:body)
    assert_equal({ "a" => "1", "b" => %w[x y] }, reply.json)
    files = { doc: ["a.txt", "hello", "text/plain"] }
    reply = seen("POST", data: { title: "t" }, files: files,
                 options: { files: { doc: true } }) do |request|
      file = request.form["doc"]
      [request.form["title"], file.filename, file.content_type, file.size, file.read(2), file.read,
       file.read(1), file.rewind.read]
    end
    assert_equal(["t", "a.txt", "text/plain", 5, "he", "llo", nil, "hello"], reply.json)
  end

  def test_large_files_are_spooled_and_may_be_kept
    content = Random.bytes(300_000)
    kept = nil
    client = serve(config: { spool_threshold: 1024 }) do |app|
      app.post("/", files: { doc: true }) do |request|
        kept = request.files[0]
        kept.spooled?
      end
    end
    assert_equal("true", client.post("/", files: { doc: ["a.bin", content] }).text)
    assert_equal(content, kept.read)
    assert_equal(content.bytesize, kept.rewind.each_chunk(1000).sum(&:bytesize))
  end

  def test_a_request_may_be_kept_after_its_answer
    kept = []
    client = serve { |app| app.get("/:id", blocking: false) { |request| kept << request && "ok" } }
    200.times { |number| client.get("/#{number}", headers: { "x-n" => number.to_s }) }
    GC.start
    found = kept.map { |request| [request.path, request.headers["x-n"], request.path_params["id"]] }
    assert_equal(200.times.map { |number| ["/#{number}", number.to_s, number.to_s] }, found)
  end

  def test_the_client_and_the_id
    reply = seen(transport: :socket, headers: { "x-request-id" => "abc" }) do |request|
      [request.client[0], request.request_id]
    end
    assert_equal(%w[127.0.0.1 abc], reply.json)
  end
end
