# frozen_string_literal: true

# What becomes of the results of handlers, and of what they raise.

require "support/serving"

require "bigdecimal"
require "set"

class ResultsTest < Minitest::Test
  include Serving

  Point = Struct.new(:x, :y)

  def test_hashes_arrays_and_scalars_are_json
    {
      { a: 1, "b" => [true, nil, 1.5] } => '{"a":1,"b":[true,null,1.5]}',
      [1, "é", :s] => '[1,"é","s"]',
      7 => "7", nil => "null", false => "false", 2**80 => (2**80).to_s
    }.each do |value, json|
      reply = reply_of { value }
      assert_equal(["application/json", json], [reply.headers["content-type"], reply.text])
    end
  end

  def test_structs_times_and_sets_are_json
    time = Time.utc(2026, 1, 2, 3, 4, 5)
    value = { p: Point.new(1, 2), at: time, s: Set[1], d: BigDecimal("1.50"), r: 1r / 4 }
    expected = { "p" => { "x" => 1, "y" => 2 }, "at" => "2026-01-02T03:04:05Z", "s" => [1],
                 "d" => "1.5", "r" => 0.25 }
    assert_equal(expected, reply_of { value }.json)
  end

  def test_an_object_says_itself_what_it_is
    by_json = Class.new { def to_json(*) = '{"own":true}' }
    by_hash = Class.new { def to_h = { own: 1 } }
    assert_equal({ "own" => true }, reply_of { by_json.new }.json)
    assert_equal({ "own" => 1 }, reply_of { by_hash.new }.json)
  end

  def test_what_json_cannot_say_is_a_failure
    deep = 200.times.inject([]) { |inner, _| [inner] }
    broken = ["\xff".dup.force_encoding("UTF-8")]
    [Object.new, Float::NAN, broken, deep].each do |value|
      assert_equal(500, reply_of { value }.status)
    end
  end

  def test_strings_are_text_or_bytes
    text = reply_of { "grüß" }
    assert_equal(["text/plain; charset=utf-8", "grüß"], [text.headers["content-type"], text.text])
    latin = reply_of { "grüß".encode("ISO-8859-1") }
    assert_equal("grüß", latin.text)
    bytes = reply_of { "\x00\xff".b }
    assert_equal(["application/octet-stream", "\x00\xff".b],
                 [bytes.headers["content-type"], bytes.body_bytes])
  end

  def test_next_return_and_break_answer
    assert_equal("next", reply_of { next "next" }.text)
    assert_equal("return", reply_of { return "return" }.text)
    assert_equal("break", reply_of { break "break" }.text)
  end

  def test_self_and_its_private_methods_stay
    @kept = "kept"
    assert_equal("kept and private", reply_of { "#{@kept} and #{own}" }.text)
  end

  def own
    "private"
  end
  private :own

  def test_a_response_sets_status_headers_and_cookies
    reply = reply_of do
      response = Spikard::Response.new(content: { a: 1 }, status_code: 201)
      response.set_header("x-a", "1")
      response.set_cookie("one", "1", httponly: true, max_age: 60)
      response.set_cookie("two", "2", path: nil)
      response.delete_cookie("three")
      response
    end
    assert_equal([201, "1", { "a" => 1 }], [reply.status, reply.headers["X-A"], reply.json])
    cookies = reply.headers.get_all("set-cookie")
    assert_equal(["one=1; Max-Age=60; Path=/; HttpOnly", "two=2"], cookies.first(2))
    assert_match(/\Athree=;.*Path=\//, cookies[2])
  end

  def test_a_response_may_redirect_and_name_its_state
    reply = reply_of { Spikard::Response.redirect("/there", status_code: 303) }
    assert_equal([303, "/there"], [reply.status, reply.headers["location"]])
    client = serve { |app| app.get("/") { Spikard::Response.new(content: "x", etag: "v1") } }
    assert_equal('"v1"', client.get("/").headers["etag"])
    assert_equal(304, client.get("/", headers: { "if-none-match" => '"v1"' }).status)
    assert_raises(ArgumentError) { Spikard::Response.redirect("/", status_code: 200) }
    assert_raises(ArgumentError) { Spikard::Response.new.set_cookie("a b", "1") }
    assert_raises(ArgumentError) { Spikard::Response.new.set_cookie("a", "1", sparkling: true) }
  end

  def test_problems_leave_as_documents
    reply = reply_of do
      headers = { "x-a" => "1" }
      raise Spikard::HttpProblem.new(404, detail: "No such user", headers: headers, user: 7)
    end
    assert_equal([404, "1"], [reply.status, reply.headers["x-a"]])
    assert_equal("application/problem+json", reply.headers["content-type"])
    assert_equal(["No such user", 7], reply.json.values_at("detail", "user"))
  end

  def test_a_failure_is_a_500_and_its_backtrace_is_logged
    text = logged do
      reply = reply_of { raise ArgumentError, "secret" }
      assert_equal(500, reply.status)
      refute_includes(reply.text, "secret")
    end
    assert_includes(text, "secret (ArgumentError)")
    assert_includes(text, __FILE__)
  end

  def test_in_development_the_client_sees_the_trace
    assert_includes(reply_of(config: { dev: true }) { raise "here" }.text, "here")
  end
end
