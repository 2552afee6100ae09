"""Routes a handshake to its socket, or refuses it.

The rule: an unknown path is refused with 403, as in Starlette, and a call over the limit with 500, as in the real
agents.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from pytest_rtmedload.embedded.asgi import query_of
from pytest_rtmedload.embedded.calls.connection import SOCKET
from pytest_rtmedload.embedded.calls.ground_truth import CallsTruth
from pytest_rtmedload.embedded.calls.relay import Dashboard, Relay
from pytest_rtmedload.embedded.calls.settings import VoiceSettings

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.asgi import Receive, Scope, Send
    from pytest_rtmedload.embedded.calls.browser import BrowserLeg
    from pytest_rtmedload.embedded.calls.media import Media
    from pytest_rtmedload.embedded.calls.phone import PhoneLeg
    from pytest_rtmedload.embedded.deadlines import ServiceDeadlines
    from pytest_rtmedload.embedded.sessions import SessionStore
    from pytest_rtmedload.embedded.settings import EmbeddedSettings


class Sockets:
    """The ASGI application of the WebSockets."""

    def __init__(self, settings: EmbeddedSettings, sessions: SessionStore, deadlines: ServiceDeadlines) -> None:
        self.truth = CallsTruth()
        self._dialect = settings.dialect
        self._settings = settings.part(VoiceSettings)
        self._seed = settings.seed
        self._sessions = sessions
        self._deadlines = deadlines
        self._relay = Relay(settings.dialect.voice.relay)
        self._refusals = random.Random(f"{settings.seed}/voice/refuse")
        self._calls = 0
        self._media: asyncio.Future[Media] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket until it is closed."""
        await receive()  # websocket.connect
        paths = self._dialect.paths
        path = scope["path"]
        if path == paths.relay:
            await send({"type": "websocket.accept"})
            await self._attend(self._dashboard(scope), scope, receive)
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
        else:
            self._calls += 1
            try:
                await self._serve_call(scope, receive, send)
            finally:
                self._calls -= 1

    async def _serve_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        call = (await self._opened()).call(scope)
        if call is not None:  # otherwise the connection ends without a close frame, because the real agent fails here
            await self._attend(call, scope, receive)

    async def _opened(self) -> Media:
        """The shared media of calls; the first call is accepted, and then waits until they are ready."""
        if self._media is None:
            self._media = asyncio.ensure_future(asyncio.to_thread(self._open))
        return await asyncio.shield(self._media)

    def _open(self) -> Media:
        from pytest_rtmedload.embedded.calls.media import Media  # noqa: PLC0415 - see there

        return Media(
            self._dialect, self._settings, self._seed, self._deadlines, self._sessions, self.truth, self._relay
        )

    async def _attend(self, listener: PhoneLeg | BrowserLeg | Dashboard, scope: Scope, receive: Receive) -> None:
        listener.begin()
        try:
            scope["state"][SOCKET].listen(listener)
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            listener.finish()

    def _dashboard(self, scope: Scope) -> Dashboard:
        name = self._relay.wire.id_in_query
        return Dashboard(self._relay, scope["state"][SOCKET], query_of(scope).get(name) if name else None)


async def _refuse(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": text})
