"""How a caller speaks and listens on a socket whose wire format is not one of those built in."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_rtmedload.dialects.heard import Heard


class Codec:
    """The caller's side of one call; a subclass for each wire format.

    Args:
        call_id: the id of this call.
        number: the caller's telephone number, E.164; synthetic.
    """

    text: ClassVar[bool] = False
    """True when messages with audio are sent as text."""
    rate: ClassVar[int] = 16_000
    """Samples per second of the agent's audio, where an `Audio` does not say it."""

    def __init__(self, call_id: str, number: str) -> None:
        self.call_id = call_id
        self.number = number

    def headers(self) -> Mapping[str, str]:
        """Headers of the WebSocket handshake."""
        return {}

    def opening(self) -> Sequence[str | bytes]:
        """Messages sent right after connecting."""
        return ()

    def encode(self, pcm: bytes) -> bytes:
        """20 ms of 16 kHz 16-bit mono PCM (640 bytes) in the agent's audio format.

        The result is kept and used in all calls: it must depend on `pcm` alone.
        """
        return pcm

    def message(self, audio: bytes, stamp: bytes) -> bytes:  # noqa: ARG002 - for formats that carry the time
        """The message that carries one encoded frame; called 50 times a second, so it should only join parts.

        Args:
            audio: what `encode` returned.
            stamp: the time of day, ISO 8601, ASCII.
        """
        return audio

    def key(self, key: str) -> str | bytes:
        """The message that says a key of the phone was pressed.

        Raises:
            NotImplementedError: this wire format has none.
        """
        raise NotImplementedError(f"{type(self).__name__} has no message for the key {key!r}")

    def read(self, message: str | bytes) -> Heard:
        """What a message of the agent means.

        An exception counts as an error of the agent, under its text.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to read messages")
