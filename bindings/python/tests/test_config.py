"""Configuration as programs write it: objects, mappings, and what is refused."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from spikard import ConfigError, ServerConfig, Spikard
from spikard import config as config_module
from spikard._generated import config as generated


def test_config_is_refused_with_every_fault() -> None:
    app = Spikard()
    with pytest.raises(ConfigError) as caught:
        app.build({"idle_timout": 5, "port": -1})
    assert "/idle_timout: unknown key; did you mean" in str(caught.value)
    assert "/port" in str(caught.value)
    with pytest.raises(ConfigError, match="not JSON"):
        app.build({"request_timeout": float("nan")})


def test_config_objects_mappings_and_timedeltas_say_the_same() -> None:
    app = Spikard(ServerConfig(request_timeout=timedelta(seconds=1.5), workers=2))
    _, document, config = app.build(port=1)
    assert (config.request_timeout, config.workers, config.port) == (1.5, 2, 1)
    assert json.loads(document)["request_timeout"] == 1.5
    _, _, other = app.build({"request_timeout": timedelta(seconds=2)})
    assert (other.request_timeout, other.workers) == (2, 1)


def test_config_documents_of_the_contract() -> None:
    import behaviors

    app = Spikard()
    for case in json.loads((behaviors.DATA / "config" / "accepted.json").read_bytes()):
        _, _, config = app.build(case["config"])
        read = config.to_dict()
        for key, value in case["reads"].items():
            assert read[key] == value, case["name"]
    for case in json.loads((behaviors.DATA / "config" / "refused.json").read_bytes()):
        with pytest.raises(ConfigError) as caught:
            app.build(case["config"])
        for fault in case["faults"]:
            assert fault in str(caught.value), case["name"]


def test_every_class_of_the_contract_is_public() -> None:
    assert config_module.__all__ == generated.__all__
