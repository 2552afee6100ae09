"""The settings of the embedded speech service.

The rule: the P99 of each default is at most 70 % of its target: a first partial (400 ms) also waits for up to 100 ms of
audio that the SDK holds back, a final result (1000 ms) also for the segmentation silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from pytest_rtmedload.embedded.distributions import DelayModel, format_duration, parse_duration
from pytest_rtmedload.embedded.keys import Key, Variants, number, share
from pytest_rtmedload.embedded.speech.faults import Api, FaultPlan, SpeechFault
from pytest_rtmedload.embedded.speech.quota import Quota

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rtmedload.embedded.keys import Given

DEFAULT_FIRST_PARTIAL: Final = DelayModel.parse("lognormal(110ms, 0.2)")
DEFAULT_FINAL: Final = DelayModel.parse("lognormal(40ms, 0.35)")
DEFAULT_FIRST_BYTE: Final = DelayModel.parse("lognormal(70ms, 0.25)")
DEFAULT_SEGMENTATION_NS: Final = 500_000_000
DEFAULT_RTF: Final = 0.1
_MS: Final = 1_000_000
_APIS: Final = Variants("API", tuple(Api))


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """The behaviour of the embedded speech service."""

    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("speech.first_partial", str(DEFAULT_FIRST_PARTIAL), "distribution of the speech heard before a hypothesis"),
        Key("speech.final", str(DEFAULT_FINAL), "distribution of the time from the end of the silence to the phrase"),
        Key("speech.segmentation", "500ms", "silence that ends a phrase, unless the client sets it"),
        Key("speech.tts_first_byte", str(DEFAULT_FIRST_BYTE), "distribution of the time to the first audio"),
        Key("speech.tts_rtf", str(DEFAULT_RTF), "seconds that the synthesis of one second of audio takes"),
        Key("speech.rps", "none", "connections (stt), requests (tts) a second; more: 429, 4429", _APIS, fault=True),
        Key("speech.concurrency", "none", "connections, requests at a time; more: 429, 4429", _APIS, fault=True),
        Key("speech.fault", "none", "the injected fault: 401, no_upgrade, drop@late, close_1011, …", _APIS, fault=True),
        Key("speech.fault_rate", "1", "share of the connections or requests that the fault hits", _APIS, fault=True),
        Key("speech.fault_limit", "none", "hits after which the fault is over", _APIS, fault=True),
    )

    first_partial: DelayModel
    final: DelayModel
    segmentation_ms: int
    first_byte: DelayModel
    rtf: float
    rps: Mapping[Api, int | None]
    concurrency: Mapping[Api, int | None]
    faults: Mapping[Api, SpeechFault | None]
    fault_rates: Mapping[Api, float]
    fault_limits: Mapping[Api, int | None]

    @classmethod
    def parse(cls, given: Given) -> Self:
        """Read the `speech.*` pairs.

        Raises:
            ValueError: one line that names the key and what is allowed.
        """
        nothing = dict.fromkeys(Api)
        return cls(
            first_partial=given.one("speech.first_partial", DelayModel.parse, DEFAULT_FIRST_PARTIAL),
            final=given.one("speech.final", DelayModel.parse, DEFAULT_FINAL),
            segmentation_ms=given.one("speech.segmentation", parse_duration, DEFAULT_SEGMENTATION_NS) // _MS,
            first_byte=given.one("speech.tts_first_byte", DelayModel.parse, DEFAULT_FIRST_BYTE),
            rtf=given.one("speech.tts_rtf", _factor, DEFAULT_RTF),
            rps=given.each("speech.rps", number(1), nothing),
            concurrency=given.each("speech.concurrency", number(1), nothing),
            faults=_faults(given),
            fault_rates=given.each("speech.fault_rate", share, dict.fromkeys(Api, 1.0)),
            fault_limits=given.each("speech.fault_limit", number(1), nothing),
        )

    def quota(self, api: Api) -> Quota:
        """The limits of one service, unused."""
        return Quota(self.concurrency[api], self.rps[api])

    def fault_plan(self, api: Api, seed: int) -> FaultPlan:
        """Decides which of its connections and requests fail."""
        return FaultPlan(self.faults[api], self.fault_rates[api], self.fault_limits[api], f"{seed}/speech/{api}/fault")

    @property
    def model(self) -> str:
        """The delays and the limits, in one line for reports."""
        limits = {"a second": self.rps, "at a time": self.concurrency}
        told = [
            f"at most {limit} {api} {unit}"
            for unit, by_api in limits.items()
            for api, limit in by_api.items()
            if limit is not None
        ]
        return ", ".join(
            [
                f"first partial after {self.first_partial} of speech",
                f"final {self.final} after {format_duration(self.segmentation_ms * _MS)} of silence",
                f"first byte {self.first_byte} at {self.rtf:g} s a second of audio",
                *told,
            ]
        )


def _faults(given: Given) -> dict[Api, SpeechFault | None]:
    faults = given.each("speech.fault", SpeechFault.parse, dict.fromkeys(Api))
    for api, fault in faults.items():
        name = f"speech.fault.{api}"
        if fault is not None and not fault.fits(api) and given.one(name, SpeechFault.parse, None) is not None:
            raise ValueError(f"embedded setting {name}: {api} cannot fail with {fault}, the other service can")
    return {api: fault if fault is not None and fault.fits(api) else None for api, fault in faults.items()}


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = -1.0
    if not 0 <= factor <= 10:
        raise ValueError(f"{text!r} is not a real-time factor: write a number from 0 to 10, such as 0.1")
    return factor
