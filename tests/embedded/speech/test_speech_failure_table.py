"""Every way in which the service fails, seen by the unmodified SDK; the table is printed (`pytest -s`)."""

from __future__ import annotations

import queue
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import azure.cognitiveservices.speech as sdk
import pytest

from pytest_rtmedload.audio import clip
from tests.embedded.speech.laboratory import DEADLINE_S, Laboratory, Listener, Speech, Talker, speak

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

IMPATIENT_S = 1.0
"""Where the SDK itself waits for a minute, or for ever, no answer within this time is what is expected."""
NOTHING = "no answer"
RECOGNISED = "recognised"
NO_MATCH = "NoMatch"
COMPLETED = "completed"
CHEST_PAIN = clip("chest_pain_1")


class Seen(NamedTuple):
    """What came of one."""

    outcome: str
    connections: int
    seconds: float


class Row(NamedTuple):
    """One failure, and what the SDK makes of it."""

    pairs: Sequence[str]
    outcome: str
    connections: int
    """That the SDK tries, hidden retries included."""


def faults(api: str, outcome: str, connections: int, *names: str) -> list[Row]:
    return [Row((f"speech.fault.{api}={name}",), outcome, connections) for name in names]


def once(api: str, outcome: str, connections: int, *names: str) -> list[Row]:
    """Faults that are over after one hit."""
    return [Row((f"speech.fault.{api}={name}", f"speech.fault_limit.{api}=1"), outcome, connections) for name in names]


STT = [
    *faults("stt", "AuthenticationFailure", 1, "401", "403"),
    *faults("stt", "BadRequest", 1, "400", "close_1007"),
    *faults("stt", "TooManyRequests", 5, "429", "status_TooManyRequests"),
    *faults("stt", "ServiceUnavailable", 5, "503"),
    *faults("stt", "ServiceError", 5, "404", "500", "status_Error", "malformed"),
    *faults("stt", "BadRequest", 5, "status_BadRequest"),
    *faults("stt", "Forbidden", 5, "status_Forbidden"),
    *faults("stt", "TooManyRequests", 1, "close_4429"),
    *faults("stt", "ConnectionFailure", 5, "drop", "close_1001", "close_1003", "close_1008"),
    *faults("stt", "ServiceError", 5, "close_1011"),
    *faults("stt", NOTHING, 1, "no_upgrade", "silent", "no_turn_start"),
    *faults("stt", RECOGNISED, 1, "no_turn_end"),
    *faults("stt", NO_MATCH, 1, "status_InitialSilenceTimeout", "status_BabbleTimeout"),
    # Closed with 1000 every time, the SDK gives up after five connections and never says so; its stop takes 10 s.
    *once("stt", RECOGNISED, 2, "503", "drop", "close_1000", "close_1011"),
]
TTS = [
    *faults("tts", "AuthenticationFailure", 1, "401", "403"),
    *faults("tts", "BadRequest", 1, "400", "close_1007"),
    *faults("tts", "TooManyRequests", 2, "429"),
    *faults("tts", "ServiceUnavailable", 2, "503"),
    *faults("tts", "ServiceError", 2, "404", "500", "close_1011"),
    *faults("tts", "ConnectionFailure", 2, "drop"),
    *faults("tts", "TooManyRequests", 1, "close_4429"),
    *faults("tts", NOTHING, 1, "no_upgrade", "silent"),
    *faults("tts", "ServiceTimeout with partial audio", 1, "stall", "no_turn_end"),
    *faults("tts", "ConnectionFailure with partial audio", 1, "drop@late"),
    *faults("tts", "ServiceError with partial audio", 1, "close_1011@late"),
    *once("tts", COMPLETED, 2, "503", "drop"),
]


@contextmanager
def recognising(speech: Speech, patience_s: float) -> Iterator[str]:
    """The outcome; the recogniser is kept over the block, after which its service has to be gone."""
    listener = Listener(speech.config())
    talker = Talker(listener.stream, CHEST_PAIN.pcm, speed=2)
    outcome = NOTHING
    with suppress(queue.Empty):
        outcome = told(listener.reports.get(timeout=patience_s))
    yield outcome
    while outcome in (NOTHING, RECOGNISED, NO_MATCH):  # it finds out that the service is gone, as long as it hears us
        outcome = told(listener.report())
    talker.stop()


def told(report: sdk.SpeechRecognitionResult | sdk.CancellationDetails) -> str:
    if isinstance(report, sdk.CancellationDetails):
        return str(report.code.name)
    return RECOGNISED if report.text else NO_MATCH


@contextmanager
def synthesising(speech: Speech, patience_s: float) -> Iterator[str]:
    yield seen_by_synthesis(speech, patience_s)


def seen_by_synthesis(speech: Speech, patience_s: float) -> str:
    config = speech.config()
    config.set_property(sdk.PropertyId.SpeechSynthesis_FrameTimeoutInterval, "300")  # not 3 s
    config.set_property(sdk.PropertyId.SpeechSynthesis_RtfTimeoutThreshold, "0.1")
    try:
        result = speak(config, CHEST_PAIN.text or "", patience_s)
    except TimeoutError:
        return NOTHING
    if result.reason is sdk.ResultReason.SynthesizingAudioCompleted:
        return COMPLETED
    partly = " with partial audio" if result.audio_data else ""
    return str(result.cancellation_details.error_code.name) + partly


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def observe(laboratory: Laboratory, api: str, row: Row) -> Seen:
    attempt = recognising if api == "stt" else synthesising
    patience_s = IMPATIENT_S if row.outcome == NOTHING else DEADLINE_S
    with ExitStack() as until_gone:
        with laboratory.serving(*row.pairs) as speech:
            begun = time.monotonic()
            outcome = until_gone.enter_context(attempt(speech, patience_s))
            took = time.monotonic() - begun
            connections = sum(speech.truth()["upgrades"].values())
        return Seen(outcome, connections, took)


@pytest.mark.slow
@pytest.mark.parametrize(("api", "rows"), [("stt", STT), ("tts", TTS)], ids=["stt", "tts"])
def test_each_failure_is_what_the_sdk_reports(laboratory: Laboratory, api: str, rows: list[Row]) -> None:
    with ThreadPoolExecutor(len(rows)) as pool:
        seen = list(pool.map(lambda row: observe(laboratory, api, row), rows))
    wrong = []
    for row, (outcome, connections, took) in zip(rows, seen, strict=True):
        name = " ".join(pair.removeprefix("speech.") for pair in row.pairs)
        print(f"{api}  {name:42} {outcome:36} {connections} connections  {took:5.2f} s")
        if (outcome, connections) != (row.outcome, row.connections):
            wrong.append(f"{name}: {outcome} after {connections}, expected {row.outcome} after {row.connections}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("api", ["stt", "tts"])
def test_a_service_that_is_not_there_is_a_failed_connection(api: str) -> None:
    attempt = recognising if api == "stt" else synthesising
    with attempt(Speech(closed_port()), DEADLINE_S) as outcome:
        assert outcome == "ConnectionFailure"
