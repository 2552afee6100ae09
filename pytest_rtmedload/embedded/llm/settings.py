"""The settings of the embedded LLM.

The rule: the P99 of the default time to the first token is at most 70 % of its target (600 ms), and small enough that
the voice loop, of which it is a part, keeps its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from pytest_rtmedload.embedded.distributions import DelayModel
from pytest_rtmedload.embedded.keys import Key, number, share, stall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rtmedload.embedded.keys import Given, Pause

DEFAULT_TTFT: Final = DelayModel.parse("lognormal(90ms, 0.35)")
DEFAULT_INTER_TOKEN: Final = DelayModel.parse("lognormal(18ms, 0.3)")
FAULTS: Final = {
    "error": "requests answered 500",
    "unavailable": "requests answered 503",
    "cut": "answers whose connection is reset in the middle",
    "hang": "answers that stop in the middle and never continue",
    "unfinished": "streams that end in the middle, with neither finish_reason nor [DONE]",
    "malformed": "answers with broken JSON in the middle",
}
"""Each has a rate, `llm.<fault>_rate`; the first that hits a request, in this order, is applied."""


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """The behaviour of the embedded LLM."""

    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("llm.ttft", str(DEFAULT_TTFT), "distribution of the time to the first token"),
        Key("llm.inter_token", str(DEFAULT_INTER_TOKEN), "distribution of the time from one token to the next"),
        Key("llm.tokens", "the reply's own", "tokens of every reply; a request's own limit still applies"),
        Key("llm.models", "any", "names of the models (deployments) that exist, separated by commas"),
        Key("llm.rpm", "none", "requests a minute; more are answered 429", fault=True),
        Key("llm.tpm", "none", "tokens a minute, prompts and reply limits together; more are answered 429", fault=True),
        Key("llm.concurrency", "none", "requests at a time; more are answered 429", fault=True),
        *(Key(f"llm.{name}_rate", "0", f"share of {text}", fault=True) for name, text in FAULTS.items()),
        Key("llm.stall", "none", "LENGTH@START: no token leaves; START counts from the first request", fault=True),
    )

    ttft: DelayModel
    inter_token: DelayModel
    tokens: int | None
    models: tuple[str, ...]
    """Empty: every name exists."""
    rpm: int | None
    tpm: int | None
    concurrency: int | None
    fault_rates: Mapping[str, float]
    """By the names of `FAULTS`, in their order."""
    stall: Pause | None

    @classmethod
    def parse(cls, given: Given) -> Self:
        """Read the `llm.*` pairs.

        Raises:
            ValueError: one line that names the key and what is allowed.
        """
        return cls(
            ttft=given.one("llm.ttft", DelayModel.parse, DEFAULT_TTFT),
            inter_token=given.one("llm.inter_token", DelayModel.parse, DEFAULT_INTER_TOKEN),
            tokens=given.one("llm.tokens", number(1, 100_000), None),
            models=given.one("llm.models", _names, ()),
            rpm=given.one("llm.rpm", number(1), None),
            tpm=given.one("llm.tpm", number(1), None),
            concurrency=given.one("llm.concurrency", number(1), None),
            fault_rates={name: given.one(f"llm.{name}_rate", share, 0.0) for name in FAULTS},
            stall=given.one("llm.stall", stall, None),
        )

    @property
    def model(self) -> str:
        """The delays and the limits, in one line for reports."""
        limits = {"requests/min": self.rpm, "tokens/min": self.tpm, "at a time": self.concurrency}
        told = "".join(f", at most {limit} {unit}" for unit, limit in limits.items() if limit is not None)
        return f"first token {self.ttft}, inter-token {self.inter_token}{told}"


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise ValueError(f"{text!r} has an empty name: write names separated by commas")
    return names
