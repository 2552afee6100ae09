from __future__ import annotations

import random

import pytest

from pytest_rtmedload.audio import names, reply_to
from pytest_rtmedload.embedded.calls.lines import LEAD_MS, speech
from pytest_rtmedload.embedded.calls.settings import DEFAULT_DELAYS, DEFAULT_ENDPOINTING_NS, SHARES, VoiceSettings
from pytest_rtmedload.embedded.settings import EmbeddedSettings

VOICE_LOOP_P95_TARGET_MS = 700


def voice(*pairs: str) -> VoiceSettings:
    return EmbeddedSettings.parse(pairs).part(VoiceSettings)


def test_the_p99_of_the_voice_loop_is_at_most_70_percent_of_its_target() -> None:
    generator = random.Random(1)
    stages = ("stt", "llm", "tts")
    drawn = sorted(sum(DEFAULT_DELAYS[stage].draw(generator) for stage in stages) for _ in range(5000))
    assert drawn[4950] / 1e6 + DEFAULT_ENDPOINTING_NS / 1e6 + LEAD_MS <= 0.7 * VOICE_LOOP_P95_TARGET_MS


def test_no_reply_begins_with_more_silence_than_that() -> None:
    assert {speech(reply_to(name)).lead_ns for name in names("patient")} == {LEAD_MS * 1_000_000}


def test_defaults() -> None:
    settings = voice()
    assert (settings.endpointing, settings.barge_in, settings.idle) == (200_000_000, 120_000_000, 300_000_000_000)
    assert not settings.realtime
    assert set(settings.shares.values()) == {0.0}
    assert settings.max_calls is None
    assert "end of speech 200ms, greeting lognormal(120ms, 0.2), stt lognormal(30ms, 0.2)" in settings.model


def test_everything_can_be_set_and_faults_are_told() -> None:
    faults = [f"voice.{name}=0.5" for name in SHARES]
    pairs = ["voice.endpointing=1300ms", "voice.pace=realtime", "voice.close_code=1006", "voice.llm=2s"]
    settings = voice(*pairs, *faults, "voice.max_calls=3", "voice.stall=1s", "voice.refuse=1")
    assert (settings.endpointing, settings.realtime, settings.close_code) == (1_300_000_000, True, 1006)
    assert settings.shares == dict.fromkeys(SHARES, 0.5)
    assert (settings.max_calls, settings.stall, settings.refuse) == (3, 1_000_000_000, 1.0)
    assert EmbeddedSettings.parse([*pairs, *faults]).faults == " ".join(faults)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("voice.close_code=1005", "voice.close_code: '1005' is not a close code: write 1000, "),
        ("voice.close_code=2000", "voice.close_code: '2000' is not a close code"),
        ("voice.close_code=5000", "voice.close_code: '5000' is not a whole number from 1000 to 4999"),
        ("voice.pace=slow", "voice.pace: 'slow' is none of burst, realtime"),
        ("voice.silent=2", "voice.silent: '2' is not a share"),
        ("voice.endpointing=200", "voice.endpointing: '200' is not a duration"),
        ("voice.max_calls=0", "voice.max_calls: '0' is not a whole number from 1"),
        ("voice.silence=1", "no embedded setting 'voice.silence'"),
    ],
)
def test_a_wrong_pair_of_the_voice_gets_one_line(pair: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        voice(pair)
    assert "\n" not in str(caught.value)
