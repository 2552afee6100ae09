"""Shared by phone and browser calls: recordings as frames, the lines that are understood, the office.

The rule: it is created once, on the first call, in a thread: half a second of imports and fingerprints that an agent
without calls does not need, and that REST requests must not wait for.
"""

from __future__ import annotations

import itertools
import uuid
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.dialects.voice import CONNECTION_ID_HEADER
from pytest_rtmedload.embedded.asgi import query_of
from pytest_rtmedload.embedded.calls.browser import BrowserLeg
from pytest_rtmedload.embedded.calls.call_services import Office
from pytest_rtmedload.embedded.calls.connection import SOCKET
from pytest_rtmedload.embedded.calls.lines import GREETING, CallLines, speech
from pytest_rtmedload.embedded.calls.phone import PhoneLeg
from pytest_rtmedload.embedded.calls.wire import AudioFrames

if TYPE_CHECKING:
    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.embedded.asgi import Scope
    from pytest_rtmedload.embedded.calls.ground_truth import CallsTruth
    from pytest_rtmedload.embedded.calls.relay import Relay
    from pytest_rtmedload.embedded.calls.settings import VoiceSettings
    from pytest_rtmedload.embedded.deadlines import ServiceDeadlines
    from pytest_rtmedload.embedded.sessions import SessionStore

_HEADER: Final = CONNECTION_ID_HEADER.encode()


class Media:
    """Makes the calls of one agent."""

    def __init__(
        self,
        dialect: Dialect,
        settings: VoiceSettings,
        seed: int,
        deadlines: ServiceDeadlines,
        sessions: SessionStore,
        truth: CallsTruth,
        relay: Relay,
    ) -> None:
        self._office = Office(dialect, settings, seed, CallLines(), deadlines, sessions, truth, relay)
        phone, browser = dialect.voice.phone, dialect.voice.browser
        self._phone_audio = AudioFrames(phone.audio, phone.chunk_bytes, phone.rate)
        self._browser_audio = AudioFrames(browser.audio, browser.chunk_bytes, browser.rate)
        for audio in (self._phone_audio, self._browser_audio):
            audio.of(speech(GREETING))  # it is due before there is time to make it
        self._index = itertools.count()

    def call(self, scope: Scope) -> PhoneLeg | BrowserLeg | None:
        """The call that a handshake requests; None if it does not name one."""
        voice, query = self._office.dialect.voice, query_of(scope)
        named = next((value.decode("latin-1") for name, value in scope["headers"] if name.lower() == _HEADER), None)
        socket, index, some = scope["state"][SOCKET], next(self._index), uuid.uuid4().hex[:8]
        if scope["path"] == self._office.dialect.paths.realtime:
            name = query.get(voice.browser.id_in_query or "") or named or some
            return BrowserLeg(self._office, socket, self._browser_audio, name, index)
        if voice.phone.id_in_query is not None:
            named = query.get(voice.phone.id_in_query) or named or f"media_{some}"
        return PhoneLeg(self._office, socket, self._phone_audio, named, index) if named else None
