# frozen_string_literal: true

# Handlers that misbehave: each costs its own request an answer, and the server nothing.

require "support/serving"

require "timeout"

class FailuresTest < Minitest::Test
  include Serving

  # Where a handler may run.
  PLACES = { inline: { blocking: false }, pool: { blocking: true }, fiber: { async: true } }.freeze

  MISDEEDS = {
    exit: -> { exit(3) },
    abort: -> { abort },
    interrupt: -> { raise Interrupt },
    throw: -> { throw :nowhere },
    no_memory: -> { raise NoMemoryError },
    not_implemented: -> { raise NotImplementedError },
    deep: -> { FailuresTest.forever },
    signal: -> { raise SignalException, "TERM" },
    unsayable: -> { Object.new }
  }.freeze

  def self.forever
    forever
  end

  def test_whatever_is_raised_is_a_500
    Serving::TRANSPORTS.product(PLACES.to_a).each do |transport, (place, options)|
      client = serve(transport: transport) do |app|
        MISDEEDS.each { |name, misdeed| app.get("/#{name}", **options) { misdeed.call } }
        app.get("/fine", **options) { "fine" }
      end
      MISDEEDS.each_key do |name|
        assert_equal(500, client.get("/#{name}").status, "#{name}, #{place}, #{transport}")
        assert_equal("fine", client.get("/fine").text)
      end
    end
  end

  def test_a_killed_thread_of_the_pool_is_replaced
    client = serve(config: { blocking_threads: 1 }) do |app|
      app.get("/kill", blocking: true) { Thread.current.kill }
      app.get("/fine", blocking: true) { "fine" }
    end
    3.times do
      assert_equal(500, client.get("/kill").status)
      assert_equal("fine", client.get("/fine").text)
    end
  end

  def test_a_handler_that_never_answers_is_a_504
    client = serve(transport: :socket, config: { request_timeout: 0.1 }) do |app|
      app.get("/yields", async: true) { Fiber.yield }
      app.get("/sleeps", async: true) { sleep }
      app.get("/blocks", blocking: true) { sleep 0.4 }
      app.get("/fine") { "fine" }
    end
    %w[/yields /sleeps /blocks].each { |path| assert_equal(504, client.get(path).status, path) }
    assert_equal("fine", client.get("/fine").text)
  end

  def test_a_handler_whose_time_is_over_is_cancelled
    seen = Thread::Queue.new
    client = serve(transport: :socket, config: { request_timeout: 0.05 }) do |app|
      app.get("/", async: true) do
        sleep(5)
      rescue Spikard::Cancelled => e
        seen << e
        raise
      end
    end
    assert_equal(504, client.get("/").status)
    assert_kind_of(Spikard::Cancelled, Timeout.timeout(2) { seen.pop })
  end

  def test_a_full_pool_is_a_503
    config = { blocking_threads: 1, queue_timeout: 0.1 }
    client = serve(config: config) { |app| app.get("/", blocking: true) { sleep 0.5 } }
    first = Thread.new { client.get("/") }
    sleep(0.05)
    late = client.get("/")
    assert_equal([503, "1"], [late.status, late.headers["retry-after"]])
    assert_equal(200, first.value.status)
  end

  def test_a_forked_child_that_comes_back_is_no_worker
    client = serve(transport: :socket) do |app|
      app.get("/", blocking: false) { Process.wait2(fork || (next "child"))[1].exitstatus.to_s }
      app.get("/exits", blocking: false) { Process.wait2(fork || exit(4))[1].exitstatus.to_s }
    end
    assert_equal("0", client.get("/").text)
    assert_equal("4", client.get("/exits").text)
    assert_equal("0", client.get("/").text)
  end

  def test_a_timeout_hits_only_the_handler_that_asked
    client = serve(transport: :socket) do |app|
      app.get("/", async: true) do
        Timeout.timeout(0.05) { sleep(5) }
      rescue Timeout::Error
        "over"
      end
    end
    assert_equal(%w[over over], 2.times.map { client.get("/").text })
  end
end
