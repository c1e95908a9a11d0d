# frozen_string_literal: true

# One request never sees what another one left on its thread or fiber.

require "net/http"

require "support/serving"

class ContextTest < Minitest::Test
  include Serving

  PLACES = {
    "inline" => { blocking: false }, "pool" => { blocking: true }, "proven" => {},
    "fiber" => { async: true }
  }.freeze

  # What was there before, and what there is from now on.
  SWAP = lambda do |user|
    thread = Thread.current
    before = [thread[:user], thread.thread_variable_get(:user)]
    before << Fiber[:user] if Fiber.respond_to?(:[])
    thread[:user] = user
    thread.thread_variable_set(:user, user)
    Fiber[:user] = user if Fiber.respond_to?(:[])
    before.compact
  end

  def application(transport)
    serve(transport: transport, config: { blocking_threads: 1 }) do |app|
      PLACES.each do |name, options|
        app.get("/#{name}/:user", **options) { |request| SWAP.call(request.path_params["user"]) }
      end
      app.get("/waits/:user", async: true) do |request|
        user = request.path_params[:user]
        Thread.current[:user] = user
        sleep(0.01)
        [Thread.current[:user], user]
      end
    end
  end

  def test_no_context_leaks_from_one_request_to_the_next
    Serving::TRANSPORTS.each do |transport|
      client = application(transport)
      %w[ann bob eve].product(PLACES.keys).each do |user, place|
        assert_equal([], client.get("/#{place}/#{user}").json, "#{place}, #{transport}")
      end
    end
  end

  def test_no_context_leaks_within_one_turn
    Serving::TRANSPORTS.each do |transport|
      client = application(transport)
      PLACES.each_key do |place|
        users = 16.times.map { |number| Thread.new { client.get("/#{place}/user#{number}").json } }
        assert_equal([[]], users.map(&:value).uniq, "#{place}, #{transport}")
      end
      waiting = 16.times.map { |number| Thread.new { client.get("/waits/user#{number}").json } }
      waiting.map(&:value).each { |there, own| assert_equal(own, there) }
    end
  end

  def test_what_a_boot_leaves_on_the_thread_is_there_for_every_request
    app = Spikard::App.new
    app.on_worker_boot { Thread.current.thread_variable_set(:pool, "connections") }
    app.get("/", blocking: false) do
      found = Thread.current.thread_variable_get(:pool)
      Thread.current.thread_variable_set(:pool, "mine")
      found
    end
    Spikard::Testing.create_test_client(app) do |client|
      assert_equal(%w[connections connections], 2.times.map { client.get("/").text })
    end
  end
end

# A thread that has a scheduler of its own keeps it.
class ForeignSchedulerTest < Minitest::Test
  # A scheduler that runs until nothing waits any more, as those of libraries do.
  class Reactor < Spikard::Scheduler
    def close
      wait([], nil) until idle?
      super
    end
  end

  def setup
    Spikard.logger = Serving::Lines.new
  end

  def teardown
    Spikard.logger = nil
  end

  def test_a_server_is_a_guest_beside_other_fibers
    app = Spikard::App.new
    app.get("/waits", async: true) { sleep(0.05) && "waited" }
    app.get("/pool", blocking: true) { "pool" }
    app.get("/inline", blocking: false) { Fiber.current_scheduler.nil?.to_s }
    ticks = 0
    ports = Thread::Queue.new
    thread = Thread.new do
      Fiber.set_scheduler(Reactor.new)
      built = app.build(port: 0)
      guest = nil
      Fiber.schedule do
        fds, port = Spikard::Native.listen(built.json, 1)
        guest = Spikard::Guest.new(built, fds[0])
        ports << [guest, port]
        guest.run
      end
      Fiber.schedule { (ticks += 1) && sleep(0.01) until guest.closed? }
    end
    guest, port = ports.pop
    bodies = %w[/waits /pool /inline /waits].map do |path|
      Thread.new { Net::HTTP.get(URI("http://127.0.0.1:#{port}#{path}")) }
    end
    assert_equal(%w[waited pool true waited], bodies.map(&:value))
    guest.stop
    assert(thread.join(5), "it ends when it is drained")
    assert_operator(ticks, :>, 3)
  end
end
