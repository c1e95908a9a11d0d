# frozen_string_literal: true

# Whole programs: parents and workers, signals, restarts, exit codes.

require "support/program"

class ServerTest < Minitest::Test
  APP = <<~RUBY
    app = Spikard::App.new
    app.get("/") { { pid: Process.pid, arguments: ARGV } }
    app.get("/slow", blocking: true) { sleep(1) && "slow" }
    app.get("/exit") { exit!(9) }
    app.on_worker_boot { |number| warn("boot \#{number}") }
    app.on_worker_shutdown { |number| warn("shutdown \#{number}") }
  RUBY

  def program(run = "app.run(port: PORT)", app: APP, **options)
    @programs ||= []
    @programs << Program.new(app + run, **options)
    @programs.last
  end

  def teardown
    @programs&.each(&:close)
  end

  def pid_of(served)
    served.get[/"pid":(\d+)/, 1].to_i
  end

  def test_a_parent_supervises_and_ends_with_0
    served = program("app.run(port: PORT, workers: 2)", arguments: %w[one two])
    assert_includes(served.get, '"arguments":["one","two"]')
    refute_equal(served.pid, pid_of(served))
    served.eventually { served.output.match?(/listening on .*2 workers/) }
    served.signal("TERM")
    assert_equal(0, served.code)
    text = served.output
    assert_equal([2, 2], ["boot", "shutdown"].map { |word| text.scan(/#{word} [01]$/).uniq.size })
  end

  def test_ctrl_c_lets_requests_in_hand_finish
    served = program
    served.get
    slow = Thread.new { Net::HTTP.get(URI("http://127.0.0.1:#{served.port}/slow")) }
    sleep(0.3)
    served.signal("INT")
    assert_equal("slow", slow.value)
    assert_equal(0, served.code)
  end

  def test_a_second_signal_ends_at_once
    served = program
    served.get
    Thread.new { Net::HTTP.get(URI("http://127.0.0.1:#{served.port}/slow")) rescue nil }
    sleep(0.3)
    2.times { served.signal("INT") && sleep(0.2) }
    assert_equal(130, served.code)
  end

  def test_a_hangup_restarts_without_a_gap
    served = program
    before = pid_of(served)
    served.signal("HUP")
    failures = 0
    served.eventually do
      pid_of(served) != before
    rescue SystemCallError
      failures += 1
      nil
    end
    assert_equal(0, failures)
    assert_includes(served.output, "takes over")
  end

  def test_a_worker_that_dies_is_replaced
    served = program
    before = pid_of(served)
    assert_raises(EOFError) { Net::HTTP.get(URI("http://127.0.0.1:#{served.port}/exit")) }
    served.eventually { pid_of(served) != before }
  end

  def test_a_boot_that_fails_ends_the_server
    served = program(app: "app = Spikard::App.new\napp.on_worker_boot { raise 'no database' }\n")
    refute_equal(0, served.code)
    assert_includes(served.output, "no database (RuntimeError)")
  end

  def test_what_cannot_start_is_said
    taken = TCPServer.open("127.0.0.1", 0)
    served = program("app.run(port: #{taken.addr[1]})")
    refute_equal(0, served.code)
    assert_match(/AddressInUse|in use/, served.output)
    refused = program("app.run(port: PORT, sparkling: true)")
    refute_equal(0, refused.code)
    assert_match(/sparkling/, refused.output)
  ensure
    taken&.close
  end

  def test_a_script_on_stdin_serves_in_its_own_process
    served = program(by_stdin: true)
    assert_equal(served.pid, pid_of(served))
    served.signal("INT")
    assert_equal(0, served.code)
    assert_includes(served.output, "one worker in this process, as the program is not in a file")
    several = program("app.run(port: PORT, workers: 2)", by_stdin: true)
    refute_equal(0, several.code)
    assert_includes(several.output, "/workers")
  end

  def test_another_thread_serves_until_it_is_closed
    served = program(<<~RUBY)
      thread = Thread.new { app.run(port: PORT) }
      require "net/http"
      begin
        puts Net::HTTP.get(URI("http://127.0.0.1:PORT/"))
      rescue SystemCallError
        sleep(0.05)
        retry
      end
      app.close
      puts "ended" if thread.join(10)
    RUBY
    assert_equal(0, served.code)
    assert_match(/"pid":#{served.pid}.*ended/m, served.output)
  end

  def test_the_quick_start_runs_as_it_is_written
    root = File.expand_path("../../..", __dir__)
    port = Program.free_port
    command = [RbConfig.ruby, "-I", Program::LIB, "#{root}/scripts/demo.rb"]
    pid = spawn({ "PORT" => port.to_s }, *command, err: File::NULL)
    body = 100.times.find do
      break Net::HTTP.get(URI("http://127.0.0.1:#{port}/users/7"))
    rescue SystemCallError
      sleep(0.1)
      nil
    end
    assert_equal('{"id":7,"name":"User 7"}', body)
  ensure
    Process.kill("TERM", pid)
    assert_equal(0, Process.wait2(pid)[1].exitstatus)
  end
end
