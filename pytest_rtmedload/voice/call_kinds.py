"""The two kinds of calls a virtual user can make, and how they are put together."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlencode

import orjson

from pytest_rtmedload.dialects.voice import CONNECTION_ID_HEADER, CORRELATION_ID_HEADER, audio_metadata, dtmf_data
from pytest_rtmedload.voice.connection import Line
from pytest_rtmedload.voice.sink import Recorder
from pytest_rtmedload.voice.speech import BrowserSpeech, PhoneSpeech
from pytest_rtmedload.voice.voice_call import VoiceCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rtmedload.clients.connecting import Connecting
    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.voice.pacer import Pacer
    from pytest_rtmedload.voice.speech import Speech

KEYS: Final = "0123456789*#ABCD"


class Caller(Recorder, Protocol):
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
    """A call over the media socket of Azure Communication Services."""

    def __init__(
        self, user: Caller, *, call_id: str | None = None, limit: float | None = None, keep: bool = False
    ) -> None:
        self.call_id = call_id or str(uuid.uuid4())
        """The call connection id that the agent is told."""
        wire = user.dialect.voice.phone
        query = f"?{urlencode({wire.id_in_query: self.call_id})}" if wire.id_in_query else ""
        headers = {CONNECTION_ID_HEADER: self.call_id, CORRELATION_ID_HEADER: str(uuid.uuid4())}
        metadata = orjson.dumps(audio_metadata(str(uuid.uuid4()))).decode()
        super().__init__(
            user,
            _line(user, user.dialect.paths.call_stream + query, headers),
            PhoneSpeech(f"4:{user.number}"),
            user.pacer,
            limit=user.connecting.timeout if limit is None else limit,
            rate=wire.rate,
            opening=(metadata,),
            keep=keep,
        )

    async def send_dtmf(self, keys: str) -> None:
        """Press keys of the phone, one after another; no sample.

        Raises:
            ValueError: a key that no phone has.
            CallEnded: the connection is gone.
        """
        unknown = set(keys.upper()) - set(KEYS)
        if unknown or not keys:
            raise ValueError(f"{keys!r} cannot be pressed: a phone has the keys {KEYS}")
        for key in keys.upper():
            self.write(orjson.dumps(dtmf_data(key)).decode())


class BrowserCall(VoiceCall):
    """A conversation over the browser's socket."""

    def __init__(
        self, user: Caller, *, call_id: str | None = None, limit: float | None = None, keep: bool = False
    ) -> None:
        self.call_id = call_id or str(uuid.uuid4())
        """The session id that the agent is told."""
        wire = user.dialect.voice.browser
        speech: Speech = BrowserSpeech()
        super().__init__(
            user,
            _line(user, f"{user.dialect.paths.realtime}?{urlencode({wire.id_in_query: self.call_id})}", {}),
            speech,
            user.pacer,
            limit=user.connecting.timeout if limit is None else limit,
            rate=wire.rate,
            keep=keep,
        )

    async def send_text(self, text: str) -> None:
        """Send a text message, which some agent versions take for a turn of the user; no sample.

        Raises:
            CallEnded: the connection is gone.
        """
        self.write(text)


def _line(user: Caller, url: str, headers: Mapping[str, str]) -> Line:
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
    )
