# frozen_string_literal: true

# Hooks, what rescues exceptions, groups, and how routes are refused.

require "support/serving"

class HooksTest < Minitest::Test
  include Serving

  class Missing < StandardError; end
  class Rare < Missing; end

  def test_hooks_run_in_order_and_share_state
    Serving::TRANSPORTS.product([true, false]).each do |transport, async|
      client = serve(transport: transport, async: async) do |app|
        app.on_request { |request| (request.state[:seen] = ["request"]) && request }
        app.pre_validation { |request| (request.state[:seen] << "validation") && nil }
        app.pre_handler { |request| (request.state[:seen] << "handler") && nil }
        app.on_response do |response|
          response.headers["x-seen"] = response.request.state[:seen].join(" ")
          nil
        end
        app.get("/") { |request| request.state[:seen].size.to_s }
      end
      reply = client.get("/")
      assert_equal(["3", "request validation handler"], [reply.text, reply.headers["x-seen"]])
    end
  end

  def test_a_hook_may_answer_and_change_headers
    client = serve do |app|
      app.on_request do |request|
        request.headers["x-user"] = "ann"
        request
      end
      app.pre_handler do |request|
        Spikard::Response.new(status_code: 401) if request.headers["x-no"]
      end
      app.on_response do |response|
        response.headers["x-after"] = "1"
        response
      end
      app.get("/", header_params: { x_user: String }) { |request| request.params["x_user"] }
    end
    reply = client.get("/")
    assert_equal(%w[ann 1], [reply.text, reply.headers["x-after"]])
    assert_equal(401, client.get("/", headers: { "x-no" => "1" }).status)
  end

  def test_a_hook_that_returns_something_else_has_failed
    text = logged do
      client = serve do |app|
        app.pre_handler { "text" }
        app.get("/") { "never" }
      end
      assert_equal(500, client.get("/").status)
    end
    assert_match(/returned String; it returns the request/, text)
  end

  def test_a_hook_that_raises_is_a_plain_500_which_no_hook_sees
    text = logged do
      client = serve do |app|
        app.pre_handler { raise "in a hook" }
        app.on_error { |response| response.tap { response.headers["x-error"] = "1" } }
        app.get("/") { "never" }
      end
      reply = client.get("/")
      assert_equal([500, nil], [reply.status, reply.headers["x-error"]])
    end
    assert_match(/pre_handler hook of .*hooks_test/, text)
  end

  def test_on_error_sees_what_was_raised
    client = serve do |app|
      app.on_error do |response|
        response.headers["x-error"] = response.error.class.name
        response
      end
      app.get("/") { raise Missing }
    end
    assert_equal("HooksTest::Missing", client.get("/").headers["x-error"])
    assert_equal("Spikard::HttpProblem", client.get("/nowhere").headers["x-error"])
  end

  def test_the_nearest_class_is_rescued
    client = serve do |app|
      app.rescue_from(Missing) do |error, request|
        content = [error.class.name, request.path]
        Spikard::Response.new(content: content, status_code: 404)
      end
      app.rescue_from(Rare) { Spikard::HttpProblem.new(410, detail: "rare") }
      app.rescue_from(KeyError) { raise "in it" }
      app.get("/missing") { raise Missing }
      app.get("/rare") { raise Rare }
      app.get("/key") { {}.fetch(:a) }
      app.get("/other") { raise "other" }
    end
    missing, rare = %w[/missing /rare].map { |path| client.get(path) }
    assert_equal([404, ["HooksTest::Missing", "/missing"]], [missing.status, missing.json])
    assert_equal([410, "rare"], [rare.status, rare.json["detail"]])
    assert_equal([500, 500], %w[/key /other].map { |path| client.get(path).status })
  end

  def test_groups_have_prefixes_hooks_and_options
    client = serve do |app|
      app.group("/api", request_timeout: 5) do |api|
        api.pre_handler { |request| (request.state[:api] = true) && nil }
        api.group("/users") do |users|
          users.get("/:id") { |request| request.path_params.merge(request.state) }
        end
        api.get("") { "root" }
      end
      app.get("/") { |request| request.state }
    end
    assert_equal({ "id" => "5", "api" => true }, client.get("/api/users/5").json)
    assert_equal("root", client.get("/api").text)
    assert_equal({}, client.get("/").json)
  end

  def test_what_cannot_be_served_is_refused_with_its_place
    app = Spikard::App.new
    [-> { app.get("no-slash") { 1 } }, -> { app.get("/{a") { 1 } },
     -> { app.get("/") { |_a, _b| 1 } }, -> { app.group("api") { 1 } },
     -> { app.group("/g") { |g| g.on_request { nil } } },
     -> { app.get("/x", async: true, blocking: true) { 1 } }].each do |registers|
      error = assert_raises(Spikard::RouteError, &registers)
      refute_empty(error.message)
    end
    app.get("/a") { 1 }
    error = assert_raises(Spikard::RouteError) { app.get("/a") { 2 } }
    assert_match(/hooks_test\.rb:\d+/, error.message)
    assert_raises(ArgumentError) { app.get("/b") }
    assert_raises(ArgumentError) { app.get("/b", sparkling: true) { 1 } }
    misspelt = assert_raises(ArgumentError) { app.get("/b", request_timout: 1) { 1 } }
    assert_match(/hooks_test\.rb:\d+: .*did you mean request_timeout\?/, misspelt.message)
    misspelt = assert_raises(ArgumentError) { app.group("/u", auht: "jwt") { 1 } }
    assert_match(/a group has no option auht; did you mean auth\?/, misspelt.message)
    config = { sparkling: 1 }
    assert_raises(Spikard::ConfigError) { Spikard::TestClient.new(app, config: config) }
  end

  def test_boot_and_shutdown_run_once_around_everything
    seen = []
    app = Spikard::App.new
    app.on_worker_boot { |number| seen << [:boot, number] }
    app.on_worker_shutdown { seen << :shutdown }
    app.get("/") { (seen << :request) && "x" }
    Spikard::Testing.create_test_client(app) { |client| client.get("/") }
    assert_equal([[:boot, 0], :request, :shutdown], seen)
    app.on_worker_boot { raise "no database" }
    error = assert_raises(RuntimeError) { Spikard::TestClient.new(app) }
    assert_equal("no database", error.message)
  end
end
