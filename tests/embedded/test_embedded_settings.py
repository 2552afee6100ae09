from __future__ import annotations

import random
from pathlib import Path

import pytest

from pytest_rtmedload.dialects import ARTAGENT_V1, Operation
from pytest_rtmedload.embedded.keys import Key, Pause
from pytest_rtmedload.embedded.llm.settings import LlmSettings
from pytest_rtmedload.embedded.settings import DEFAULT_DELAYS, KEYS, PARTS, EmbeddedSettings

API_P95_TARGET_NS = 150_000_000
SECOND = 1_000_000_000


def test_without_pairs_the_defaults_hold() -> None:
    settings = EmbeddedSettings.parse([], seed=3)
    assert settings.seed == 3
    assert settings.port == 0
    assert settings.dialect.name == "rtmedagent"
    assert settings.faults == "none"
    assert "health lognormal(3ms, 0.4)" in settings.latency


@pytest.mark.parametrize("operation", Operation)
def test_the_p99_of_a_default_is_at_most_70_percent_of_the_target(operation: Operation) -> None:
    generator = random.Random(1)
    drawn = sorted(DEFAULT_DELAYS[operation].draw(generator) for _ in range(5000))
    assert drawn[4950] <= 0.7 * API_P95_TARGET_NS


def test_the_key_of_one_operation_beats_that_of_all_wherever_it_stands() -> None:
    settings = EmbeddedSettings.parse(["http.delay.health=1ms", "http.delay=20ms", "http.error_rate.inbound=0.5"])
    assert str(settings.delays[Operation.HEALTH]) == "fixed(1ms)"
    assert str(settings.delays[Operation.INBOUND]) == "fixed(20ms)"
    assert settings.error_rates[Operation.INBOUND] == 0.5
    assert settings.error_rates[Operation.HEALTH] == 0


def test_the_later_pair_of_a_key_holds() -> None:
    assert EmbeddedSettings.parse(["port=1", " port = 2 "]).port == 2


def test_faults_are_read_and_told() -> None:
    pairs = ["dialect=artagent-v1", "http.stall=2s@5s", "slow_start=500ms", "die_after=1000", "http.cut_rate=0.01"]
    settings = EmbeddedSettings.parse(pairs)
    assert settings.dialect is ARTAGENT_V1
    assert settings.pauses == (Pause(0, SECOND // 2), Pause(5 * SECOND, 2 * SECOND))
    assert settings.die_after == 1000
    assert settings.cut_rates[Operation.HEALTH] == 0.01
    assert settings.faults == "http.stall=2s@5s slow_start=500ms die_after=1000 http.cut_rate=0.01"


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("http.delai=1ms", r"'http.delai': did you mean http.delay\? there are http.delay\[.OPERATION\], "),
        (
            "tempo=1",
            r"no embedded setting 'tempo': there are dialect, port, http\.\*, slow_start, die_after, .*llm\.\*",
        ),
        ("llm.speed=1", r"no embedded setting 'llm.speed': .*there are llm.ttft, llm.inter_token, "),
        ("llm.ttft=soon", "llm.ttft: 'soon' is not a delay"),
        ("http.delay.nothing=1ms", r"no embedded setting 'http.delay.nothing': .*OPERATION: health, start_call"),
        ("port.health=1", "no embedded setting 'port.health'"),
        ("http.delay", "'http.delay' has no value: write http.delay=VALUE"),
        ("http.delay=", "'http.delay' has no value"),
        ("http.delay=20", "http.delay: '20' is not a delay: write 20ms, "),
        ("http.delay.health=fixed(x)", "http.delay.health: 'x' is not a duration"),
        ("http.error_rate=5", "http.error_rate: '5' is not a share: write a number from 0 to 1"),
        ("http.error_rate=nan", "http.error_rate: 'nan' is not a share"),
        ("http.stall=2s", "http.stall: '2s' is not a stall: write its length and its start"),
        ("die_after=0", "die_after: '0' is not a whole number from 1 to"),
        ("port=65536", "port: '65536' is not a whole number from 0 to 65535"),
        ("dialect=x", "dialect: no dialect 'x': choose one of"),
    ],
)
def test_a_wrong_pair_gets_one_line_that_names_the_key(pair: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        EmbeddedSettings.parse([pair])
    assert "\n" not in str(caught.value)


def test_every_key_is_explained_and_belongs_to_one_part() -> None:
    keys = [key for part in PARTS for key in part.KEYS]
    assert len({key.name.partition(".")[0] for key in keys}) == len(PARTS)
    assert len(KEYS) == len({key.name for key in keys}) + 10
    assert all(key.text and key.default for key in KEYS.values())


@pytest.mark.parametrize("key", KEYS.values(), ids=str)
def test_the_documentation_has_every_key(key: Key) -> None:
    page = (Path(__file__).parents[2] / "docs" / "embedded-agent.md").read_text()
    assert f"| `{key.name}` |" in page


def test_a_part_is_read_with_the_rest_and_its_faults_are_told() -> None:
    settings = EmbeddedSettings.parse(["llm.ttft=20ms", "llm.rpm=60", "llm.cut_rate=0.1", "http.delay=1ms"])
    llm = settings.part(LlmSettings)
    assert (str(llm.ttft), llm.rpm, llm.fault_rates["cut"]) == ("fixed(20ms)", 60, 0.1)
    assert settings.faults == "llm.rpm=60 llm.cut_rate=0.1"
