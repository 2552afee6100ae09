"""A small agent with a wire protocol of its own: other paths, 8 kHz µ-law in binary messages, other message kinds."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from pytest_rtmedload.audio import clip

if TYPE_CHECKING:
    from websockets.http11 import Request, Response
    from websockets.sync.server import ServerConnection

REPLY = "Where does it hurt?"
SILENT_FRAMES = 10
"""The caller has finished after 200 ms of silence."""
DIALECT = '''
import json
import numpy as np
import pytest_rtmedload as rt


def expand(coded):
    """G.711 µ-law to 16-bit PCM."""
    value = ~np.frombuffer(coded, np.uint8)
    sample = ((((value & 0x0F).astype(np.int32) << 3) + 0x84) << ((value & 0x70) >> 4)) - 0x84
    return np.where(value & 0x80, -sample, sample).astype(np.int16).tobytes()


def compress(pcm):
    """16-bit PCM to G.711 µ-law."""
    sample = np.frombuffer(pcm, np.int16).astype(np.int32)
    size = np.minimum(np.abs(sample), 32635) + 0x84
    power = np.floor(np.log2(size)).astype(np.int32) - 7
    coded = np.where(sample < 0, 0x80, 0) | power << 4 | (size >> power + 3) & 0x0F
    return (~coded & 0xFF).astype(np.uint8).tobytes()


class Acme(rt.Codec):
    rate = 8_000

    def headers(self):
        return {"x-acme-caller": self.number}

    def opening(self):
        return [json.dumps({"say": "start", "call": self.call_id})]

    def encode(self, pcm):
        return compress(np.frombuffer(pcm, np.int16).reshape(-1, 2).mean(axis=1).astype(np.int16).tobytes())

    def key(self, key):
        return json.dumps({"say": "key", "key": key})

    def read(self, message):
        if isinstance(message, bytes):
            return rt.Audio(expand(message))
        said = json.loads(message)
        match said["say"]:
            case "hush":
                return rt.StopAudio()
            case "text":
                return rt.AgentText(said["text"])
            case "heard":
                return rt.Understood(said["text"])
        return rt.OtherMessage(said["say"])


def pytest_rtmedload_dialects():
    paths = {"health": "/alive", "call_stream": "/talk/{id}"}
    return [rt.RTMEDAGENT.variant("acme", "the Acme voice agent", paths=paths, phone=Acme)]
'''


class AcmeAgent:
    """The agent, in a thread."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.opened: list[dict[str, str]] = []
        self.keys: list[str] = []
        self.unread: list[object] = []
        """Messages that are not of this protocol."""
        scope: dict[str, object] = {}
        exec(DIALECT, scope)  # noqa: S102 - what the project's conftest.py holds
        self._acme = scope["Acme"]("", "")  # type: ignore[operator]
        self._expand = scope["expand"]

    def answer_http(self, connection: ServerConnection, request: Request) -> Response | None:
        """Paths that are not sockets."""
        self.paths.append(request.path)
        if request.path.startswith("/talk/"):
            return None
        found = request.path == "/alive"
        return connection.respond(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, "")

    def talk(self, connection: ServerConnection) -> None:
        """Greet, then answer whenever the caller has finished."""
        voiced, silent = False, 0
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                if isinstance(message, str):
                    self._take(json.loads(message), connection)
                    continue
                if len(message) != 160:
                    self.unread.append(message)
                loud = int(np.abs(np.frombuffer(self._expand(message), np.int16).astype(np.int32)).max()) > 500  # type: ignore[operator]
                voiced, silent = voiced or loud, 0 if loud else silent + 1
                if voiced and silent == SILENT_FRAMES:
                    voiced = False
                    connection.send(json.dumps({"say": "heard", "text": "It hurts."}))
                    self.speak(connection, REPLY)

    def speak(self, connection: ServerConnection, text: str) -> None:
        """A fifth of a second of speech, and its text."""
        line = clip("chest_pain_1_reply")
        pcm = line.pcm[2 * line.voiced[0] :][: 32 * 200]
        for frame in range(0, len(pcm), 640):
            connection.send(self._acme.encode(pcm[frame : frame + 640]))
        connection.send(json.dumps({"say": "text", "text": text}))

    def _take(self, message: dict[str, str], connection: ServerConnection) -> None:
        match message.get("say"):
            case "start":
                headers = connection.request.headers if connection.request is not None else {}
                self.opened.append({"call": message["call"], "caller": headers.get("x-acme-caller", "")})
                self.speak(connection, "Acme health, how can I help?")
            case "key":
                self.keys.append(message["key"])
            case _:
                self.unread.append(message)


@contextlib.contextmanager
def acme_agent() -> Iterator[tuple[AcmeAgent, str]]:
    """The agent and its URL."""
    agent = AcmeAgent()
    with serve(agent.talk, "127.0.0.1", 0, process_request=agent.answer_http) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield agent, f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()
