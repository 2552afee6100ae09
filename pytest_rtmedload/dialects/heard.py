"""What messages of the agent mean to a caller, independent of the wire format: the result of `Codec.read`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Audio(NamedTuple):
    """Sound: 16-bit little-endian mono PCM."""

    pcm: bytes
    rate: int | None = None
    """Samples per second; None: the codec's, or as agreed when the call began."""
    more: bool = False
    """True when the agent said that the answer goes on after this."""
    of_interface: bool = False
    """Meant for browsers."""


class StopAudio(NamedTuple):
    """Audio that was received and has not sounded must not sound any more."""

    of_interface: bool = False
    """Meant for browsers."""


class Understood(NamedTuple):
    """What the agent took the caller to have said."""

    text: str
    endpointing_ms: float | None = None
    """How long it waited to be sure that the caller had finished, where the agent reports it."""


class AgentText(NamedTuple):
    """Text of the agent's answer."""

    text: str
    whole: bool = True
    """True: the whole answer; False: one more sentence of it."""


class OtherMessage(NamedTuple):
    """A message that a caller ignores, such as one for a user interface."""

    kind: str


@dataclass(frozen=True, slots=True)
class Garbage:
    """A message that the agent should not send: counted as an error."""

    reason: str
    """One line, the same for equal cases."""


Heard = Audio | StopAudio | Understood | AgentText | OtherMessage | Garbage
