from __future__ import annotations

import time

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus

from pytest_rtmedload.audio import text_of
from pytest_rtmedload.dialects import RTMEDAGENT
from pytest_rtmedload.embedded.calls.lines import speech
from pytest_rtmedload.embedded.launcher import EmbeddedAgent
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from tests.embedded.calls.callers import Client, Phone, sound_of
from tests.embedded.calls.conftest import QUICK

LINE = "chest_pain_1"


def spoiled(*pairs: str) -> EmbeddedAgent:
    return EmbeddedAgent.start(EmbeddedSettings.parse([*QUICK, *pairs], seed=1))


def statuses(agent: EmbeddedAgent, count: int) -> list[int]:
    """What handshakes are answered, one after the other."""
    found = []
    for index in range(count):
        try:
            with Phone(agent.url, RTMEDAGENT, f"call-{index}"):
                found.append(101)
        except InvalidStatus as refused:
            found.append(refused.response.status_code)
    return found


def test_a_reset_in_the_middle_of_an_answer_and_a_limit_of_calls() -> None:
    with spoiled("voice.hang_up=1", "voice.close_code=1006", "voice.max_calls=1") as agent:
        with Phone(agent.url, RTMEDAGENT, "one") as phone:
            assert statuses(agent, 2) == [500, 500]
            with Client(agent.url + RTMEDAGENT.paths.relay):
                pass
            phone.sound(len(speech("greeting").samples) * 2)
            phone.say(LINE)
            with pytest.raises(ConnectionClosedError) as gone:
                phone.until(lambda _: False)
            assert gone.value.rcvd is None
        assert take_place(agent) == 101, "who left made room"


def take_place(agent: EmbeddedAgent) -> int:
    """The agent sees the end of a call a moment after its caller does."""
    end = time.monotonic() + 5
    while (status := statuses(agent, 1)[0]) != 101 and time.monotonic() < end:
        time.sleep(0.02)
    return status


def test_silence_idleness_and_refused_handshakes() -> None:
    with spoiled("voice.silent=1", "voice.idle=400ms", "voice.refuse=0.5") as agent:
        found = statuses(agent, 20)
        assert set(found) == {101, 503}
        phone = next(phone for _ in range(20) if (phone := accepted(agent)) is not None)
        with phone:
            phone.sound(len(speech("greeting").samples) * 2)
            phone.say(LINE)
            heard = phone.until(lambda message: message.get("type") == "session_end")
            assert any(message.get("message") == text_of(LINE) for message in heard)
            assert sound_of(heard) == b""
            assert heard[-1]["reason"] == "IDLE_TIMEOUT"
            with pytest.raises(ConnectionClosedOK):
                phone.next()


def accepted(agent: EmbeddedAgent) -> Phone | None:
    try:
        return Phone(agent.url, RTMEDAGENT, "call")
    except InvalidStatus:
        return None
