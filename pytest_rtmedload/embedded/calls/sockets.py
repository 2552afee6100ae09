"""Which socket a handshake asks for, and whether it is had.

The rule: an unknown path is refused with 403, as Starlette does, and one call too many with 500, as the real agents do.
"""

from __future__ import annotations

import itertools
import random
import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from pytest_rtmedload.dialects.voice import CONNECTION_ID_HEADER
from pytest_rtmedload.embedded.calls.browser import BrowserCall
from pytest_rtmedload.embedded.calls.connection import SOCKET
from pytest_rtmedload.embedded.calls.lines import GREETING, Lines, speech
from pytest_rtmedload.embedded.calls.office import Office
from pytest_rtmedload.embedded.calls.phone import PhoneCall
from pytest_rtmedload.embedded.calls.relay import Dashboard, Relay
from pytest_rtmedload.embedded.calls.settings import VoiceSettings
from pytest_rtmedload.embedded.calls.truth import CallsTruth
from pytest_rtmedload.embedded.calls.wire import AudioFrames

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.asgi import Receive, Scope, Send
    from pytest_rtmedload.embedded.calls.call import Call
    from pytest_rtmedload.embedded.deadlines import Deadlines
    from pytest_rtmedload.embedded.sessions import SessionStore
    from pytest_rtmedload.embedded.settings import EmbeddedSettings

_HEADER: Final = CONNECTION_ID_HEADER.encode()


class Sockets:
    """The ASGI application of the WebSockets."""

    def __init__(self, settings: EmbeddedSettings, sessions: SessionStore, deadlines: Deadlines) -> None:
        dialect = settings.dialect
        self.truth = CallsTruth()
        self._settings = settings.part(VoiceSettings)
        self._relay = Relay(dialect.voice.relay)
        self._office = Office(
            dialect, self._settings, settings.seed, Lines(), deadlines, sessions, self.truth, self._relay
        )
        phone, browser = dialect.voice.phone, dialect.voice.browser
        self._phone_audio = AudioFrames(phone.audio, phone.chunk_bytes, phone.rate)
        self._browser_audio = AudioFrames(browser.audio, browser.chunk_bytes, browser.rate)
        for audio in (self._phone_audio, self._browser_audio):
            audio.of(speech(GREETING))  # it is due before there is time to make it
        self._refusals = random.Random(f"{settings.seed}/voice/refuse")
        self._index = itertools.count()
        self._calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket until it is closed."""
        await receive()  # websocket.connect
        paths = self._office.dialect.paths
        path = scope["path"]
        if path == paths.relay:
            await self._attend(self._dashboard(scope), scope, receive, send)
        elif path in (paths.call_stream, paths.realtime):
            await self._take_call(scope, receive, send)
        else:
            await send({"type": "websocket.close"})  # before it is accepted: 403

    async def _take_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusals.random() < self._settings.refuse
        if refused:
            await _refuse(send, 503, b"Service Unavailable (injected by voice.refuse)")
        elif self._settings.max_calls is not None and self._calls >= self._settings.max_calls:
            await _refuse(send, 500, b"Internal Server Error")
        elif call := self._call(scope):
            self._calls += 1
            try:
                await self._attend(call, scope, receive, send)
            finally:
                self._calls -= 1
        else:
            await send({"type": "websocket.accept"})  # and gone, without a close frame: the real agent fails here

    async def _attend(self, listener: Call | Dashboard, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"][SOCKET].listener = listener
        await send({"type": "websocket.accept"})
        listener.begin()
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            listener.finish()

    def _call(self, scope: Scope) -> PhoneCall | BrowserCall | None:
        """None: the handshake does not name the call."""
        voice, query = self._office.dialect.voice, _query(scope)
        named = next((value.decode("latin-1") for name, value in scope["headers"] if name.lower() == _HEADER), None)
        socket, index, some = scope["state"][SOCKET], next(self._index), uuid.uuid4().hex[:8]
        if scope["path"] == self._office.dialect.paths.realtime:
            name = query.get(voice.browser.id_in_query) or named or some
            return BrowserCall(self._office, socket, self._browser_audio, name, index)
        if voice.phone.id_in_query is not None:
            named = query.get(voice.phone.id_in_query) or named or f"media_{some}"
        return PhoneCall(self._office, socket, self._phone_audio, named, index) if named else None

    def _dashboard(self, scope: Scope) -> Dashboard:
        name = self._relay.wire.id_in_query
        return Dashboard(self._relay, scope["state"][SOCKET], _query(scope).get(name) if name else None)


async def _refuse(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": text})


def _query(scope: Scope) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
