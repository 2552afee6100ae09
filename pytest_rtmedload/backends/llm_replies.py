"""Replies of a language model, and the reason for a reply without text.

The rule: an answer without text is a failure that names its cause. The reasoning of a model counts against the tokens a
reply may have, so a short limit can be used up before the first word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.backends.errors import ServiceError, one_line

if TYPE_CHECKING:
    from pytest_rtmedload.spec.endpoints import Endpoint

LONGEST_REPLY: Final = 60
"""Tokens: a short spoken answer, which is what a voice agent asks for."""
SHORTEST_REPLY: Final = 16
"""The fewest that all models take."""
MAX_TOKENS: Final = "OPENAI_MAX_COMPLETION_TOKENS"
EFFORT: Final = "OPENAI_REASONING_EFFORT"
_ADVICE: Final = f"set {MAX_TOKENS} higher, or {EFFORT} lower"
_USED_UP: Final = "model output limit was reached"
"""OpenAI's message, with HTTP 400, when reasoning left no token for an answer."""


@dataclass(slots=True)
class Reply:
    """A reply and its timing."""

    text: str = ""
    finished: str | None = None
    """Why it ended (`finish_reason`); None if it did not end."""
    tokens: int = 0
    """Tokens of the reply as the service counts them, else the pieces of text that came."""
    pieces_ns: list[int] = field(default_factory=list)
    """When each piece of text came, on `time.perf_counter_ns`."""
    reasoning: int = 0
    """Tokens that the model spent on reasoning."""
    refusal: str = ""
    """The model's explanation when it refused to answer."""
    tools: list[str] = field(default_factory=list)
    """Names of the tools that the model asks to call."""

    @property
    def tokens_per_s(self) -> float | None:
        """Rate from the first token of the text to the last."""
        span = self.pieces_ns[-1] - self.pieces_ns[0] if self.pieces_ns else 0
        spoken = self.tokens - self.reasoning
        return (spoken - 1) / span * 1e9 if span and spoken > 1 else None

    @classmethod
    def of(cls, answer: Any) -> Reply:
        """The reply in a whole answer of the client."""
        reply = cls()
        reply.count(answer.usage)
        for choice in answer.choices[:1]:
            reply.hear(choice.message)
            reply.text, reply.finished = choice.message.content or "", choice.finish_reason
        return reply

    def hear(self, message: Any) -> None:
        """Add the refusal and the tool calls of a message, or of a piece of one."""
        self.refusal += getattr(message, "refusal", None) or ""
        calls = getattr(message, "tool_calls", None) or ()
        named = [getattr(call.function, "name", None) for call in calls if getattr(call, "function", None)]
        self.tools += [name for name in named if name]

    def count(self, usage: Any) -> None:
        """Set the number of tokens, where the service reports it."""
        if usage is not None:
            self.tokens = usage.completion_tokens
            details = getattr(usage, "completion_tokens_details", None)
            self.reasoning = getattr(details, "reasoning_tokens", None) or 0

    @property
    def without_text(self) -> str:
        """Why there is no text, in one line."""
        ended = f"(finish_reason {self.finished})"
        if self.refusal:
            return f"the model refused to answer: {one_line(self.refusal)}"
        if self.tools:
            return f"the reply has no text: the model asks to call {', '.join(self.tools)} {ended}"
        if self.finished == "content_filter":
            return f"the reply is empty: the content filter withheld it {ended}"
        if self.finished == "length":
            spent = f"all {self.tokens} tokens went into reasoning" if self.reasoning else "its tokens were used up"
            return f"the reply is empty: {spent} {ended}; {_ADVICE}"
        return f"the reply is empty {ended}"


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a reply."""

    tokens: int = LONGEST_REPLY
    """Most tokens, reasoning included."""
    effort: str | None = None
    """Reasoning effort, such as `low`; None: the model's default."""

    @classmethod
    def of(cls, endpoint: Endpoint) -> Budget:
        """The limits configured for an endpoint.

        Raises:
            ServiceError: the number of tokens is not a positive whole number.
        """
        said = endpoint.options.get("max_tokens") or str(LONGEST_REPLY)
        if not (said.isascii() and said.isdecimal()) or int(said) < 1:
            raise ServiceError(f"{MAX_TOKENS}={said}: a whole number of tokens is needed, such as 400")
        return cls(int(said), endpoint.options.get("reasoning_effort"))

    @property
    def shortest(self) -> int:
        """Tokens of a reply whose text is not needed."""
        return min(self.tokens, SHORTEST_REPLY)

    def arguments(self, longest: int) -> dict[str, Any]:
        """The client's arguments for a reply of at most `longest` tokens."""
        chosen = {} if self.effort is None else {"reasoning_effort": self.effort}
        return {"max_completion_tokens": longest, **chosen}


def used_up(error: ServiceError) -> bool:
    """True when the service answered, but reasoning left no token for text."""
    return error.status == 400 and _USED_UP in str(error)


def advised(message: str) -> str:
    """The service's message, with advice where there is some."""
    return f"{message}; {_ADVICE}" if _USED_UP in message else message
