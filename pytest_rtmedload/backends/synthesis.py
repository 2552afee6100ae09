"""One user's speech synthesis, through the official Speech SDK.

The rule: a request begins when it is passed to the SDK, and its first byte has arrived when the SDK delivers the first
audio. After a failure the synthesizer is closed, so that late audio cannot be taken for the next answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_rtmedload.backends.errors import ServiceError, no_answer
from pytest_rtmedload.backends.requests import Calls, user_behind
from pytest_rtmedload.backends.speech_sdk import CLOSING_S, cancelled, speech_config, speech_sdk
from pytest_rtmedload.backends.threads import Mailbox, blocking
from pytest_rtmedload.results.recording import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_rtmedload.backends.requests import Handle, User
    from pytest_rtmedload.spec.endpoints import Endpoint

FIRST_BYTE: Final = "tts.first_byte"
SYNTHESIS: Final = "tts.synthesis"
RECONNECTS: Final = "tts.reconnects"
WARM_UP: Final = "Hello."
"""Synthesised before anything is measured: the SDK's first request takes up to a second longer."""


class _Event(NamedTuple):
    """An event of the SDK and its time."""

    at_ns: int
    audio: bytes = b""
    done: bool = False
    disconnected: bool = False
    failure: ServiceError | None = None


class _Line(NamedTuple):
    """A synthesizer, its connection and the mailbox of its events."""

    synthesizer: Any
    connection: Any
    mailbox: Mailbox


class Synthesizer(Calls):
    """One user's synthesizer; it processes one text at a time."""

    def __init__(self, load: User, endpoint: Endpoint) -> None:
        super().__init__(load, "tts", lambda _: None)
        self._endpoint = endpoint
        self._line: _Line | None = None

    async def speak(self, text: str) -> bytes:
        """The sound of a text: 16 kHz, 16-bit, mono; samples of `tts.first_byte` and `tts.synthesis`.

        Raises:
            ServiceError: it failed; `Throttled` when the quota is reached.
        """
        sound: list[bytes] = []
        begun = time.perf_counter_ns()
        try:
            async with self.call(SYNTHESIS):
                await self._hear(text, sound)
        except BaseException as error:
            if not sound:
                self.load.add(FIRST_BYTE, begun, time.perf_counter_ns(), _outcome(error))
            await self.close()
            raise
        return b"".join(sound)

    async def close(self) -> None:
        """Close the synthesizer; the next text gets a new one."""
        line, self._line = self._line, None
        if line is not None:
            lines = [line]
            del line  # freeing it can block: the last reference must be on the other thread
            with contextlib.suppress(ServiceError):
                await blocking(lambda: _close(lines), CLOSING_S)

    async def _hear(self, text: str, sound: list[bytes]) -> None:
        if self._line is None:
            mailbox = Mailbox()
            self._line = await blocking(lambda: _open(self._endpoint, mailbox), self.deadline_s)
        line = self._line
        started = await blocking(lambda: _start(line, text), self.deadline_s)
        while not (event := await line.mailbox.take()).done:
            if event.disconnected:
                self.load.count(RECONNECTS)
                continue
            if not sound:
                self.load.add(FIRST_BYTE, started, event.at_ns)
            sound.append(event.audio)
        if event.failure is not None:
            raise event.failure
        if not sound:
            raise ServiceError("no audio was returned")


@contextlib.asynccontextmanager
async def synthesizer(load: User | Handle, endpoint: Endpoint) -> AsyncIterator[Synthesizer]:
    """A user's synthesizer, connected and warm."""
    load = user_behind(load)
    user = Synthesizer(load, endpoint)
    try:
        await user.warm_up(lambda: user.speak(WARM_UP))
        yield user
    finally:
        await user.close()


async def ask(endpoint: Endpoint, deadline_s: float) -> None:
    """Check that the service synthesises speech.

    Raises:
        ServiceError: it does not; one line.
    """
    mailbox = Mailbox()
    lines = [await blocking(lambda: _open(endpoint, mailbox), deadline_s)]
    try:
        await blocking(lambda: _start(lines[0], WARM_UP), deadline_s)
        while not (event := await _soon(mailbox, deadline_s)).done:
            continue
        if event.failure is not None:
            raise event.failure
    finally:
        with contextlib.suppress(ServiceError):
            await blocking(lambda: _close(lines), CLOSING_S)


async def _soon(mailbox: Mailbox, deadline_s: float) -> _Event:
    try:
        event: _Event = await asyncio.wait_for(mailbox.take(), deadline_s)
    except TimeoutError:
        raise no_answer(deadline_s) from None
    return event


def _outcome(error: BaseException) -> Outcome:
    """Outcome of the first byte that did not arrive: failed, or censored when its time was up."""
    failed = isinstance(error, ServiceError) and not error.censored
    return Outcome.FAILED if failed else Outcome.CENSORED


def _open(endpoint: Endpoint, mailbox: Mailbox) -> _Line:
    sdk, clock, post = speech_sdk(), time.perf_counter_ns, mailbox.post
    made = sdk.SpeechSynthesizer(speech_config(endpoint), None)
    connection = sdk.Connection.from_speech_synthesizer(made)
    made.synthesizing.connect(lambda heard: post(_Event(clock(), heard.result.audio_data)))
    made.synthesis_completed.connect(lambda _: post(_Event(clock(), done=True)))
    made.synthesis_canceled.connect(
        lambda heard: post(_Event(clock(), done=True, failure=_failure(heard.result.cancellation_details)))
    )
    connection.disconnected.connect(lambda _: post(_Event(clock(), disconnected=True)))
    return _Line(made, connection, mailbox)


def _failure(details: Any) -> ServiceError:
    code = details.error_code
    return cancelled(getattr(code, "name", str(code)), details.error_details or "")


def _start(line: _Line, text: str) -> int:
    """Pass a text to the SDK; returns the time."""
    started = time.perf_counter_ns()
    line.synthesizer.speak_text_async(text)
    return started


def _close(lines: list[_Line]) -> None:
    line = lines.pop()
    line.connection.disconnected.disconnect_all()
    line.synthesizer.stop_speaking_async().get()
