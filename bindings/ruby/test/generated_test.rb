# frozen_string_literal: true

# What is generated from the engine's contract: config classes, hooks, problem types, numbers.
#
# Needs no native library: everything here is plain Ruby.

require "json"
require "minitest/autorun"

require "spikard/_generated/config"
require "spikard/_generated/hooks"
require "spikard/_generated/problems"
require "spikard/_generated/status"

class GeneratedTest < Minitest::Test
  DATA = File.expand_path("../../../testing_data", __dir__)

  def cases(name)
    JSON.parse(File.read(File.join(DATA, "config", name)))
  end

  # What JSON says of an object, with strings as keys.
  def said(config)
    JSON.parse(JSON.generate(config.to_h))
  end

  def test_accepted_documents_are_read_with_the_contracts_defaults
    cases("accepted.json").each do |example|
      read = said(Spikard::ServerConfig.from_h(example["config"]))
      assert_equal(example["reads"], read.slice(*example["reads"].keys), example["name"])
    end
  end

  def test_every_knob_of_the_schema_is_one_of_its_class
    schema = JSON.parse(File.read(File.join(DATA, "schema", "config.json")))
    { "ServerConfig" => schema, **schema["$defs"] }.each do |name, record|
      knobs = Spikard.const_get(name).knobs.map(&:to_s)
      assert_equal(record["properties"].keys, knobs, name)
    end
  end

  def test_nested_objects_may_be_hashes
    config = Spikard::ServerConfig.new(
      cors: { allowed_origins: ["*"] },
      static_files: [{ "directory" => "public", "route_prefix" => "/" }],
      engine: :epoll
    )
    assert_equal(Spikard::CorsConfig.new(allowed_origins: ["*"]), config.cors)
    assert_instance_of(Spikard::StaticFilesConfig, config.static_files.first)
    assert_equal("epoll", config.to_h[:engine])
    config.compression = { gzip: false }
    refute(config.compression.gzip)
    assert_equal(config, Spikard::ServerConfig.from_h(said(config)))
    assert_equal(9, config.with(port: 9).port)
  end

  def test_unknown_and_missing_keys_are_named
    unknown = assert_raises(ArgumentError) { Spikard::ServerConfig.new(hots: "::") }
    assert_includes(unknown.message, ":hots")
    nested = assert_raises(ArgumentError) { Spikard::ServerConfig.new(health: { "live" => "/" }) }
    assert_equal("unknown key of Spikard::HealthConfig: :live", nested.message)
    missing = assert_raises(ArgumentError) { Spikard::ServerConfig.new(api_key_auth: {}) }
    assert_includes(missing.message, ":keys")
  end

  def test_secrets_are_not_shown
    config = Spikard::ServerConfig.new(
      api_key_auth: { keys: ["one-key"] }, jwt_auth: { secret: "x" }
    )
    [config.inspect, config.to_s, "#{config.jwt_auth}"].each do |shown|
      refute_match(/one-key|secret/, shown)
    end
    assert_includes(config.inspect, "header_name=\"X-API-Key\"")
  end

  def test_hooks_reach_whoever_keeps_them
    keeper = Class.new do
      include Spikard::HookMethods
      attr_reader :kept

      def register_hook(phase, function)
        (@kept ||= []) << [phase, function.call]
      end
    end.new
    Spikard::PHASES.each_with_index do |phase, index|
      assert_same(keeper, keeper.public_send(phase) { index })
    end
    assert_equal(Spikard::PHASES.each_with_index.to_a, keeper.kept)
    assert_raises(ArgumentError) { keeper.on_error }
  end

  def test_problems_and_numbers_are_the_engines
    assert_equal("not-found", Spikard::PROBLEMS.find { |problem| problem.status == 404 }.slug)
    assert_equal("https://spikard.dev/errors/", Spikard::PROBLEM_TYPE_PREFIX)
    assert(Spikard::PROBLEMS.all?(&:frozen?))
    assert_equal(0, Spikard::Status::SPK_OK)
  end
end
