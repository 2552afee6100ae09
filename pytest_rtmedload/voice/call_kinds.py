"""The two kinds of calls a virtual user can make, and how they are put together."""

from __future__ import annotations

import uuid
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import orjson

from pytest_rtmedload.dialects.voice import CONNECTION_ID_HEADER, CORRELATION_ID_HEADER, audio_metadata, dtmf_data
from pytest_rtmedload.voice.connection import Line
from pytest_rtmedload.voice.sink import CallRecorder
from pytest_rtmedload.voice.speech import BrowserSpeech, CodecSpeech, PhoneSpeech
from pytest_rtmedload.voice.voice_call import VoiceCall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_rtmedload.clients.connecting import Connecting
    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.dialects.codec import Codec
    from pytest_rtmedload.voice.pacer import Pacer
    from pytest_rtmedload.voice.speech import Speech

KEYS: Final = "0123456789*#ABCD"


class CallUser(CallRecorder, Protocol):
    """Who makes a call: a virtual user."""

    @property
    def connecting(self) -> Connecting:
        """How it reaches the agent."""

    @property
    def dialect(self) -> Dialect:
        """How the agent speaks."""

    @property
    def pacer(self) -> Pacer:
        """Sends the frames of all users."""

    @property
    def number(self) -> str:
        """The user's phone number, E.164; synthetic."""


class PhoneCall(VoiceCall):
    """A call over the agent's media socket: that of Azure Communication Services, or as the dialect's codec says."""

    def __init__(
        self, user: CallUser, *, call_id: str | None = None, limit: float | None = None, keep: bool = False
    ) -> None:
        self.call_id = call_id or str(uuid.uuid4())
        """The call connection id sent to the agent."""
        dialect, wire = user.dialect, user.dialect.voice.phone
        self._codec = None if wire.codec is None else wire.codec(self.call_id, user.number)
        side = _of_acs(self.call_id, user.number, wire.rate) if self._codec is None else _of_codec(self._codec)
        super().__init__(
            user,
            _line(user, dialect.phone_path(self.call_id), self.call_id, side.headers),
            side.speech,
            user.pacer,
            limit=user.connecting.timeout if limit is None else limit,
            rate=side.rate,
            opening=side.opening,
            keep=keep,
        )

    async def send_dtmf(self, keys: str) -> None:
        """Press keys of the phone, one after another; no sample.

        Raises:
            ValueError: a key that no phone has.
            NotImplementedError: the dialect's codec has no message for keys.
            CallEnded: the connection is gone.
        """
        unknown = set(keys.upper()) - set(KEYS)
        if unknown or not keys:
            raise ValueError(f"{keys!r} cannot be pressed: a phone has the keys {KEYS}")
        for key in keys.upper():
            self.write(orjson.dumps(dtmf_data(key)).decode() if self._codec is None else self._codec.key(key))


class BrowserCall(VoiceCall):
    """A conversation over the browser's socket."""

    def __init__(
        self, user: CallUser, *, call_id: str | None = None, limit: float | None = None, keep: bool = False
    ) -> None:
        self.call_id = call_id or str(uuid.uuid4())
        """The session id sent to the agent."""
        dialect, wire = user.dialect, user.dialect.voice.browser
        if wire.codec is None:
            side = Side(BrowserSpeech(), wire.rate)
        else:
            side = _of_codec(wire.codec(self.call_id, user.number))
        super().__init__(
            user,
            _line(user, dialect.browser_path(self.call_id), self.call_id, side.headers),
            side.speech,
            user.pacer,
            limit=user.connecting.timeout if limit is None else limit,
            rate=side.rate,
            opening=side.opening,
            keep=keep,
        )

    async def send_text(self, text: str) -> None:
        """Send a text message, which some agent versions take for a turn of the user; no sample.

        Raises:
            CallEnded: the connection is gone.
        """
        self.write(text)


class Side(NamedTuple):
    """The caller's side of a call on the wire."""

    speech: Speech
    rate: int
    """Samples per second of the agent's audio."""
    opening: Sequence[str | bytes] = ()
    headers: Mapping[str, str] = MappingProxyType({})


def _of_acs(call_id: str, number: str, rate: int) -> Side:
    metadata = orjson.dumps(audio_metadata(str(uuid.uuid4()))).decode()
    headers = {CONNECTION_ID_HEADER: call_id, CORRELATION_ID_HEADER: str(uuid.uuid4())}
    return Side(PhoneSpeech(f"4:{number}"), rate, (metadata,), headers)


def _of_codec(codec: Codec) -> Side:
    return Side(CodecSpeech(codec), codec.rate, codec.opening(), codec.headers())


def _line(user: CallUser, url: str, call_id: str, headers: Mapping[str, str]) -> Line:
    reach = user.connecting
    return Line(
        user,
        url,
        base_url=reach.base_url,
        headers_for=reach.headers_for,
        headers=headers,
        timeout=reach.timeout,
        redact=reach.redact,
        verify=reach.verify,
        addresses=reach.addresses,
        call_id=call_id,
    )
