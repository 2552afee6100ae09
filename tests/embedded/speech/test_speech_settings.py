from __future__ import annotations

import pytest

from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.speech.faults import Api, FaultKind, FaultPlan, SpeechFault, names
from pytest_rtmedload.embedded.speech.quota import Quota
from pytest_rtmedload.embedded.speech.settings import SpeechSettings

SECOND = 1_000_000_000


def settings(*pairs: str) -> SpeechSettings:
    part: SpeechSettings = EmbeddedSettings.parse(pairs).part(SpeechSettings)
    return part


@pytest.mark.parametrize("name", [name.replace("[@late]", late) for name in names() for late in ("", "@late")])
def test_every_fault_reads_back(name: str) -> None:
    if name.endswith("@late") and not name.startswith(("drop", "close")):
        name = name.removesuffix("@late")
    assert str(SpeechFault.parse(name)) == name


@pytest.mark.parametrize(
    "text", ["402", "close_1006", "close_", "status_Fine", "401@late", "drop@late@late", "drop@", ""]
)
def test_what_is_no_fault_lists_those_there_are(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"is not a fault: there are 400, .*drop\[@late\], close_1000\[@late\], .*status_Error"
    ):
        SpeechFault.parse(text)


def test_a_fault_is_of_one_service_or_of_both() -> None:
    both = settings("speech.fault=drop").faults
    assert both == {Api.STT: SpeechFault(FaultKind.DROP), Api.TTS: SpeechFault(FaultKind.DROP)}
    assert settings("speech.fault.tts=stall").faults == {Api.STT: None, Api.TTS: SpeechFault(FaultKind.STALL)}
    assert settings("speech.fault=stall").faults == {Api.STT: None, Api.TTS: SpeechFault(FaultKind.STALL)}


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        ("speech.fault.stt=stall", "speech.fault.stt: stt cannot fail with stall, the other service can"),
        ("speech.tts_rtf=fast", "speech.tts_rtf: 'fast' is not a real-time factor"),
        ("speech.final=soon", "speech.final: 'soon' is not a delay"),
        ("speech.finale=2ms", "no embedded setting 'speech.finale': did you mean speech.final"),
        ("speech.concurrency.llm=2", "no embedded setting 'speech.concurrency.llm'"),
    ],
)
def test_a_wrong_setting_is_one_line(pair: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        settings(pair)
    assert "\n" not in str(raised.value)


def test_the_model_is_told_in_one_line() -> None:
    told = settings("speech.final=20ms", "speech.rps.tts=5").model
    assert "final fixed(20ms) after 500ms of silence" in told
    assert told.endswith("at most 5 tts a second")


def test_a_fault_hits_its_share_until_its_limit() -> None:
    plan = FaultPlan(SpeechFault(FaultKind.DROP), 0.25, 40, "seed")
    hits = [plan.next_request() is not None for _ in range(1000)]
    assert sum(hits) == 40
    assert 0.1 < sum(hits[:100]) / 100 < 0.4
    again = FaultPlan(SpeechFault(FaultKind.DROP), 0.25, 40, "seed")
    assert [again.next_request() is not None for _ in range(1000)] == hits


def test_a_fault_is_of_upgrades_or_of_requests() -> None:
    refused = FaultPlan(SpeechFault(FaultKind.REFUSE, "503"), 1.0, None, "seed")
    dropped = FaultPlan(SpeechFault(FaultKind.DROP), 1.0, None, "seed")
    assert (refused.next_connection(), refused.next_request()) == (SpeechFault(FaultKind.REFUSE, "503"), None)
    assert (dropped.next_connection(), dropped.next_request()) == (None, SpeechFault(FaultKind.DROP))


def test_a_quota_of_concurrency_is_given_back() -> None:
    quota = Quota(2, None)
    assert [quota.enter(0) for _ in range(3)] == [True, True, False]
    quota.leave()
    assert quota.enter(0)


def test_a_quota_per_second_slides() -> None:
    quota = Quota(None, 2)
    assert [quota.enter(at * SECOND // 10) for at in (0, 5, 9, 10, 11, 15)] == [True, True, False, True, False, True]
