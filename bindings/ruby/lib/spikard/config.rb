# frozen_string_literal: true

# The document of a configuration, whichever way it is given. The engine checks values and unknown
# keys; nothing is checked twice here.

module Spikard
  # Reads what programs give as a configuration.
  module Config
    module_function

    # The document of `config`, with the `changes` that are not nil: a hash of symbols.
    def document(config, **changes)
      given = case config
              when nil then {}
              when ConfigRecord, Hash then config.to_h
              else
                raise ConfigError,
                      "a configuration is a ServerConfig or a Hash, not #{config.class}"
              end
      given.transform_keys(&:to_sym).merge(changes.compact)
    end

    # The same as JSON text.
    def json(document)
      JSON.generate(ConfigRecord.plain(document))
    rescue JSON::GeneratorError => e
      raise ConfigError, "the configuration is not JSON: #{e.message}"
    end

    # The configuration with all defaults, of a document that the engine has accepted.
    def settings(json)
      ServerConfig.from_h(JSON.parse(json))
    end
  end
end
