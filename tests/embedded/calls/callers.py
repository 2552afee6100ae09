"""Clients of the agent's sockets, on the plain `websockets` package: a line is sent in one message, at once."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any, Self

from websockets.sync.client import connect

from pytest_rtmedload.audio import clip
from pytest_rtmedload.dialects.voice import CONNECTION_ID_HEADER, audio_data, audio_metadata, dtmf_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.sync.client import ClientConnection

    from pytest_rtmedload.dialects import Dialect, Json

PATIENCE_S = 8.0
SILENCE = bytes(2 * 16 * 300)  # 300 ms, more than the agent waits for


def line(name: str) -> bytes:
    """A patient's line, and silence enough to end it."""
    return clip(name).pcm + SILENCE


def pcm_of(message: Json) -> bytes | None:
    """The sound in a message of the agent, in any version's form."""
    fields = {key.lower(): value for key, value in message.items()}
    if message.get("type") == "audio_data":
        return base64.b64decode(message["data"])
    if str(fields.get("kind")).lower() == "audiodata":
        return base64.b64decode({key.lower(): value for key, value in fields["audiodata"].items()}["data"])
    return None


def sound_of(messages: list[Json]) -> bytes:
    return b"".join(pcm_of(message) or b"" for message in messages)


def texts_of(messages: list[Json]) -> list[Json]:
    return [message for message in messages if pcm_of(message) is None]


def is_answer(message: Json) -> bool:
    """The whole text of an answer; its sound follows."""
    payload = message.get("payload") or {}
    return message.get("type") == "assistant" or payload.get("type") == "assistant"


def event_of(message: Json) -> Any:
    """What happened to a call, as dashboards are told."""
    return (message.get("data") or message.get("payload") or {}).get("event_type")


class Client:
    """A socket, connected while it is entered, that reads JSON."""

    socket: ClientConnection

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        url = url.replace("http", "ws", 1)
        self._connecting = connect(
            url, additional_headers=headers, compression=None, proxy=None, max_queue=None, close_timeout=PATIENCE_S
        )

    def __enter__(self) -> Self:
        self.socket = self._connecting.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._connecting.__exit__(None, None, None)

    def send(self, message: object) -> None:
        self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def next(self, timeout: float = PATIENCE_S) -> Any:
        return json.loads(self.socket.recv(timeout))

    def until(self, wanted: Callable[[Json], Any]) -> list[Json]:
        """The messages up to the first one that is wanted."""
        messages = [self.next()]
        while not wanted(messages[-1]):
            messages.append(self.next())
        return messages

    def within(self, seconds: float) -> list[Json]:
        """What comes in a time."""
        end, messages = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            try:
                messages.append(self.next(left))
            except TimeoutError:
                break
        return messages

    def sound(self, length: int) -> list[Json]:
        """The messages until so many bytes of sound were heard, the last one whole."""
        heard, messages = 0, []
        while heard < length:
            messages.append(self.next())
            heard += len(pcm_of(messages[-1]) or b"")
        return messages


class Phone(Client):
    """ACS on the media socket."""

    def __init__(self, url: str, dialect: Dialect, call: str) -> None:
        super().__init__(url + dialect.paths.call_stream, {CONNECTION_ID_HEADER: call})

    def __enter__(self) -> Self:
        super().__enter__()
        self.send(audio_metadata("subscription"))
        return self

    def hear(self, pcm: bytes) -> None:
        self.send(audio_data(base64.b64encode(pcm).decode(), "2026-01-01T00:00:00.000Z", "4:+15550100000"))

    def say(self, name: str) -> None:
        self.hear(line(name))

    def press(self, key: str) -> None:
        self.send(dtmf_data(key))


class Browser(Client):
    """A browser."""

    def __init__(self, url: str, dialect: Dialect, session: str) -> None:
        super().__init__(f"{url}{dialect.paths.realtime}?session_id={session}")

    def hear(self, pcm: bytes) -> None:
        self.send(pcm)

    def say(self, name: str) -> None:
        self.hear(line(name))
