"""One user's speech recognition, through the official Speech SDK, from audio that is given in real time.

The rule: the shared pacer gives a frame of 20 ms when it is due, first those of the utterance, then silence until the
last words are there, as a telephone does. `stt.first_partial` runs from when the first voiced sample was given,
`stt.final` from when the last one was. After a failure the recognizer is given up; the next utterance gets a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from pytest_rtmedload.backends.errors import ServiceError
from pytest_rtmedload.backends.requests import Calls, user_behind
from pytest_rtmedload.backends.speech_sdk import CLOSING_S, TICKS_PER_MS, cancelled, speech_config, speech_sdk
from pytest_rtmedload.backends.threads import Mailbox, blocking
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.voice.quality import word_error_rate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_rtmedload.audio import Clip
    from pytest_rtmedload.backends.requests import Handle, User
    from pytest_rtmedload.spec.endpoints import Endpoint

FIRST_PARTIAL: Final = "stt.first_partial"
FINAL: Final = "stt.final"
WER: Final = "stt.wer"
SESSIONS: Final = "stt.sessions"
RECONNECTS: Final = "stt.reconnects"
FRAME_MS: Final = 20
FRAME_SAMPLES: Final = 320
SILENCE: Final = bytes(2 * FRAME_SAMPLES)
SLACK_MS: Final = 500
"""A phrase that ends by so much before the speech did is a part of it, and the rest is still to come."""


class _Told(NamedTuple):
    """What the SDK told, and when."""

    at_ns: int
    text: str = ""
    end_ms: float = 0.0
    """Where in the stream the words end."""
    final: bool = False
    disconnected: bool = False
    failure: ServiceError | None = None


class _Line(NamedTuple):
    """A recognizer, its connection, its audio, and where its events arrive."""

    recognizer: Any
    connection: Any
    stream: Any
    mailbox: Mailbox


class Utterance:
    """What the pacer sends: a clip, then silence; and when its speech was given.

    Args:
        stream: the SDK's push stream.
        clip: what is said.
        given: frames that were given before.
    """

    def __init__(self, stream: Any, clip: Clip, given: int) -> None:
        first, end = clip.voiced
        self._write = stream.write
        self._frames = clip.frames(FRAME_MS)
        self._begin, self._end = first // FRAME_SAMPLES, (end - 1) // FRAME_SAMPLES
        self.sent = 0
        self.started_ms, self.ended_ms = (given * FRAME_MS + samples / 16 for samples in (first, end))
        """Where in the stream the speech is."""
        self.made_ns = time.perf_counter_ns()
        self.began_ns = self.spoken_ns = 0
        """When the first and the last voiced sample were given; 0: not yet."""
        self.partial = self.heard = False
        """Whether first words, and the last ones, have come back."""
        self.duration_s = clip.duration_ms / 1000

    def frame_due(self, now_ns: int, stamp: bytes) -> None:  # noqa: ARG002 - the pacer's
        """Give the next frame."""
        number, self.sent = self.sent, self.sent + 1
        self._write(self._frames[number] if number < len(self._frames) else SILENCE)
        if number == self._begin:
            self.began_ns = now_ns
        if number == self._end:
            self.spoken_ns = now_ns

    def since(self, metric: str) -> int:
        """When a sample of this metric began; what was never said counts from the start."""
        return (self.began_ns if metric is FIRST_PARTIAL else self.spoken_ns) or self.made_ns


class Recognizer(Calls):
    """One user's recognizer; it hears one utterance at a time."""

    open_now: ClassVar[int] = 0
    """Recognizers in this process that are connected: what a quota of the service counts."""

    def __init__(self, load: User, endpoint: Endpoint) -> None:
        super().__init__(load, "stt", lambda _: None)
        self._endpoint = endpoint
        self._line: _Line | None = None
        self._given = 0

    async def hear(self, clip: Clip, *, wer: str = WER) -> str:
        """Say a clip in real time; returns what was understood.

        Samples of `stt.first_partial` and `stt.final`; where the words of the clip are known, their error rate.

        Args:
            clip: what is said.
            wer: name of the error rate.

        Raises:
            ServiceError: nothing was understood, or it failed; `Throttled` when the quota is reached.
        """
        line = await self._connected()
        self.load.value(SESSIONS, Recognizer.open_now)
        utterance = Utterance(line.stream, clip, self._given)
        self.load.pacer.join(utterance)
        try:
            understood = await self._understood(line.mailbox, utterance)
        except asyncio.CancelledError:
            self._owes(utterance, Outcome.CENSORED, FIRST_PARTIAL, FINAL)
            await self.close()
            raise
        except Exception as error:
            found = self.explained(error)
            await self.close()
            if found is None:
                raise
            raise self._lost(utterance, found) from None
        finally:
            self.load.pacer.leave(utterance)
            self._given += utterance.sent
        if clip.text:
            self.load.value(wer, word_error_rate(clip.text, understood))
        return understood

    async def close(self) -> None:
        """Give the recognizer up; the next utterance gets a new one."""
        line, self._line = self._line, None
        if line is not None:
            Recognizer.open_now -= 1
            lines = [line]
            del line  # freeing it can block: the last reference goes where nobody waits
            with contextlib.suppress(ServiceError):
                await blocking(lambda: _close(lines), CLOSING_S)

    async def _connected(self) -> _Line:
        """The recognizer, made when there is none; it dials when the first audio is there."""
        if self._line is None:
            mailbox = Mailbox()
            async with self.call("stt.start"):
                self._line = await blocking(lambda: _open(self._endpoint, mailbox), self.deadline_s)
            self._given = 0
            Recognizer.open_now += 1
        return self._line

    async def _understood(self, mailbox: Mailbox, utterance: Utterance) -> str:
        words: list[str] = []
        async with asyncio.timeout(utterance.duration_s + self.deadline_s):
            while not utterance.heard:
                told: _Told = await mailbox.take()
                if told.failure is not None:
                    raise told.failure
                if told.disconnected:
                    self.load.count(RECONNECTS)
                elif told.end_ms > utterance.started_ms:  # else it is about an utterance before this one
                    self._note(utterance, told, words)
        return " ".join(words)

    def _note(self, utterance: Utterance, told: _Told, words: list[str]) -> None:
        """Words, at last or for the time being."""
        if told.final and not told.text:
            raise ServiceError("nothing was understood (NoMatch)")
        if told.text and not utterance.partial and utterance.began_ns:
            utterance.partial = True
            self.load.add(FIRST_PARTIAL, utterance.began_ns, told.at_ns)
        if told.final:
            words.append(told.text)
        if told.final and utterance.spoken_ns and told.end_ms >= utterance.ended_ms - SLACK_MS:
            utterance.heard = True
            self.load.add(FINAL, utterance.spoken_ns, told.at_ns)

    def _lost(self, utterance: Utterance, found: ServiceError) -> ServiceError:
        """Record what did not come, and why; returns the error to raise."""
        self._owes(utterance, Outcome.CENSORED if found.censored else Outcome.FAILED, FIRST_PARTIAL)
        return self.failed(FINAL, utterance.since(FINAL), found)

    def _owes(self, utterance: Utterance, outcome: Outcome, *metrics: str) -> None:
        now = time.perf_counter_ns()
        for metric in metrics:
            if metric is not FIRST_PARTIAL or not utterance.partial:
                self.load.add(metric, utterance.since(metric), now, outcome)


@contextlib.asynccontextmanager
async def recognizer(load: User | Handle, endpoint: Endpoint) -> AsyncIterator[Recognizer]:
    """A user's recognizer.

    Raises:
        ServiceError: it could not be made.
    """
    load = user_behind(load)
    user = Recognizer(load, endpoint)
    try:
        yield user
    finally:
        await user.close()


def _open(endpoint: Endpoint, mailbox: Mailbox) -> _Line:
    sdk, clock, post = speech_sdk(), time.perf_counter_ns, mailbox.post
    stream = sdk.audio.PushAudioInputStream()
    made = sdk.SpeechRecognizer(speech_config(endpoint), sdk.audio.AudioConfig(stream=stream))
    connection = sdk.Connection.from_recognizer(made)
    made.recognizing.connect(lambda event: post(_told(event.result, clock(), final=False)))
    made.recognized.connect(lambda event: post(_told(event.result, clock(), final=True)))
    made.canceled.connect(lambda event: post(_Told(clock(), failure=_failure(event.cancellation_details))))
    connection.disconnected.connect(lambda _: post(_Told(clock(), disconnected=True)))
    made.start_continuous_recognition_async().get()
    return _Line(made, connection, stream, mailbox)


def _told(result: Any, at_ns: int, *, final: bool) -> _Told:
    return _Told(at_ns, result.text, (result.offset + result.duration) / TICKS_PER_MS, final)


def _failure(details: Any) -> ServiceError:
    code = details.code
    return cancelled(getattr(code, "name", str(code)), details.error_details or "")


def _close(lines: list[_Line]) -> None:
    line = lines.pop()
    line.connection.disconnected.disconnect_all()
    line.stream.close()
    line.recognizer.stop_continuous_recognition_async().get()
