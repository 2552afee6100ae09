"""The service on a socket: gives each connection its state machine and transfers their messages.

The rule: the network part decides nothing about speech, and the state machines do not use sockets. `websockets` serves,
rather than the faster `picows` of the client side, because the failure table needs it: an upgrade can be refused with
any status, be left unanswered for ever, and a WebSocket can be closed with any code, 4429 included; 50 recognitions
send 500 messages a second, which is little.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from pytest_rtmedload.embedded.deadlines import ServiceDeadlines
from pytest_rtmedload.embedded.speech.actions import BAD_REQUEST, TOO_MANY_REQUESTS, SpeechConversation
from pytest_rtmedload.embedded.speech.faults import Api
from pytest_rtmedload.embedded.speech.ground_truth import SpeechTruth
from pytest_rtmedload.embedded.speech.messages import ProtocolError, parse
from pytest_rtmedload.embedded.speech.outbox import Outbox, reset
from pytest_rtmedload.embedded.speech.recogniser import Recogniser
from pytest_rtmedload.embedded.speech.recognition import Recognition
from pytest_rtmedload.embedded.speech.synthesis import Synthesis, Synthesiser
from pytest_rtmedload.embedded.speech.upgrade import Held, UpgradeGate, api_of, session_of
from pytest_rtmedload.embedded.speech.voice import Voice

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from websockets.asyncio.server import Server
    from websockets.http11 import Request, Response

    from pytest_rtmedload.embedded.speech.lines import SpeechLines
    from pytest_rtmedload.embedded.speech.settings import SpeechSettings

BACKLOG: Final = 1024
CLOSE_TIMEOUT_S: Final = 1.0
MAX_MESSAGE: Final = 2**20


class SpeechService:
    """One speech service: recognition and synthesis, one key, one truth. Needs a running loop when it is served."""

    def __init__(self, settings: SpeechSettings, seed: int, key: str, lines: SpeechLines) -> None:
        self.truth = SpeechTruth()
        self._recogniser = Recogniser(settings, seed, lines, self.truth)
        self._synthesiser = Synthesiser(settings, seed, Voice(), self.truth)
        quotas = {Api.STT: self._recogniser.quota, Api.TTS: self._synthesiser.quota}
        plans = {Api.STT: self._recogniser.faults, Api.TTS: self._synthesiser.faults}
        self._gate = UpgradeGate(key, quotas, plans, self.truth)
        self._held: set[ServerConnection] = set()

    @contextlib.asynccontextmanager
    async def serving(self, listener: socket.socket) -> AsyncIterator[Server]:
        """Serve on a bound socket until the block is left."""
        deadlines = ServiceDeadlines()

        async def talk(connection: ServerConnection) -> None:
            await self._talk(connection, deadlines)

        async with serve(
            talk,
            sock=listener,
            process_request=self._upgrade,
            subprotocols=[Subprotocol("USP")],
            select_subprotocol=lambda _, offered: next(iter(offered), None),  # echo it, or leave it out, as offered
            compression=None,
            ping_interval=None,
            open_timeout=None,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_MESSAGE,
            server_header="rtmedload-embedded-speech",
            backlog=BACKLOG,
        ) as server:
            try:
                yield server
            finally:
                for connection in self._held:
                    reset(connection)
                deadlines.close()

    async def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        answer = self._gate.answer(request, time.perf_counter_ns())
        if not isinstance(answer, Held):
            return answer
        if answer.response is not None:
            connection.transport.write(answer.response.serialize())
        self._held.add(connection)
        await connection.wait_closed()
        self._held.discard(connection)
        return None

    def _conversation(self, connection: ServerConnection) -> SpeechConversation:
        url, session = _request(connection).path, session_of(_request(connection))
        if api_of(url) is Api.TTS:
            return Synthesis(self._synthesiser, session)
        return Recognition(self._recogniser, session, url)

    async def _talk(self, connection: ServerConnection, deadlines: ServiceDeadlines) -> None:
        conversation = self._conversation(connection)
        outbox = Outbox(connection, deadlines, self.truth)
        sender = asyncio.create_task(outbox.run())
        try:
            if conversation.open(time.perf_counter_ns()):
                await _listen(connection, conversation, outbox)
            else:
                await connection.close(TOO_MANY_REQUESTS, "The quota of connections is used up")
        except ProtocolError as error:
            await connection.close(BAD_REQUEST, str(error)[:100])  # a close frame has room for 123 bytes
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            conversation.close()


async def _listen(connection: ServerConnection, conversation: SpeechConversation, outbox: Outbox) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for data in connection:
            now = time.perf_counter_ns()
            outbox.put(conversation.receive(parse(data), now))


def _request(connection: ServerConnection) -> Request:
    if connection.request is None:
        raise RuntimeError("a connection without a request")
    return connection.request
