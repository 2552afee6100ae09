"""One user's speech recognition, through the official Speech SDK, with audio sent in real time.

The rule: the shared pacer sends each frame of 20 ms when it is due: first those of the utterance, then silence until
the last words are recognised, as a telephone does. `stt.first_partial` is measured from the time at which the first
voiced sample was sent, `stt.final` from the last one. After a failure the recognizer is closed; the next utterance gets
a new one.
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
"""A phrase that ends earlier than this before the end of the speech is a part of it; the rest is still to come."""


class _Event(NamedTuple):
    """An event of the SDK and its time."""

    at_ns: int
    text: str = ""
    end_ms: float = 0.0
    """End of the words in the stream."""
    final: bool = False
    disconnected: bool = False
    failure: ServiceError | None = None


class _Line(NamedTuple):
    """A recognizer, its connection, its audio stream and the mailbox of its events."""

    recognizer: Any
    connection: Any
    stream: Any
    mailbox: Mailbox


class Utterance:
    """What the pacer sends (a clip, then silence), and when its speech was sent.

    Args:
        stream: the SDK's push stream.
        clip: the utterance.
        given: frames that were sent before it.
    """

    def __init__(self, stream: Any, clip: Clip, given: int) -> None:
        first, end = clip.voiced
        self._write = stream.write
        self._frames = clip.frames(FRAME_MS)
        self._begin, self._end = first // FRAME_SAMPLES, (end - 1) // FRAME_SAMPLES
        self.sent = 0
        self.started_ms, self.ended_ms = (given * FRAME_MS + samples / 16 for samples in (first, end))
        """Start and end of the speech in the stream."""
        self.made_ns = time.perf_counter_ns()
        self.began_ns = self.spoken_ns = 0
        """When the first and the last voiced sample were sent; 0: not yet."""
        self.partial = self.heard = False
        """Whether the first words, and the last ones, have been recognised."""
        self.duration_s = clip.duration_ms / 1000

    def frame_due(self, now_ns: int, stamp: bytes) -> None:  # noqa: ARG002 - the pacer's
        """Send the next frame."""
        number, self.sent = self.sent, self.sent + 1
        self._write(self._frames[number] if number < len(self._frames) else SILENCE)
        if number == self._begin:
            self.began_ns = now_ns
        if number == self._end:
            self.spoken_ns = now_ns

    def since(self, metric: str) -> int:
        """Start of a sample of this metric; speech that was never sent counts from the start of the utterance."""
        return (self.began_ns if metric is FIRST_PARTIAL else self.spoken_ns) or self.made_ns


class Recognizer(Calls):
    """One user's recognizer; it processes one utterance at a time."""

    open_now: ClassVar[int] = 0
    """Connected recognizers in this process: the number that a quota of the service limits."""

    def __init__(self, load: User, endpoint: Endpoint) -> None:
        super().__init__(load, "stt", lambda _: None)
        self._endpoint = endpoint
        self._line: _Line | None = None
        self._given = 0

    async def hear(self, clip: Clip, *, wer: str = WER) -> str:
        """Send a clip in real time; returns the recognised text.

        Records `stt.first_partial` and `stt.final`, and the word error rate where the words of the clip are known.

        Args:
            clip: the utterance.
            wer: name of the error rate.

        Raises:
            ServiceError: nothing was recognised, or it failed; `Throttled` when the quota is reached.
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
        """Close the recognizer; the next utterance gets a new one."""
        line, self._line = self._line, None
        if line is not None:
            Recognizer.open_now -= 1
            lines = [line]
            del line  # freeing it can block: the last reference must be on the other thread
            with contextlib.suppress(ServiceError):
                await blocking(lambda: _close(lines), CLOSING_S)

    async def _connected(self) -> _Line:
        """The recognizer, created when there is none; it connects when it receives the first audio."""
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
                event: _Event = await mailbox.take()
                if event.failure is not None:
                    raise event.failure
                if event.disconnected:
                    self.load.count(RECONNECTS)
                elif event.end_ms > utterance.started_ms:  # else it is about an utterance before this one
                    self._note(utterance, event, words)
        return " ".join(words)

    def _note(self, utterance: Utterance, event: _Event, words: list[str]) -> None:
        """Process a final or a partial result."""
        if event.final and not event.text:
            raise ServiceError("nothing was understood (NoMatch)")
        if event.text and not utterance.partial and utterance.began_ns:
            utterance.partial = True
            self.load.add(FIRST_PARTIAL, utterance.began_ns, event.at_ns)
        if event.final:
            words.append(event.text)
        if event.final and utterance.spoken_ns and event.end_ms >= utterance.ended_ms - SLACK_MS:
            utterance.heard = True
            self.load.add(FINAL, utterance.spoken_ns, event.at_ns)

    def _lost(self, utterance: Utterance, found: ServiceError) -> ServiceError:
        """Record the results that did not come, and why; returns the error to raise."""
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
        ServiceError: it could not be created.
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
    made.recognizing.connect(lambda heard: post(_event_of(heard.result, clock(), final=False)))
    made.recognized.connect(lambda heard: post(_event_of(heard.result, clock(), final=True)))
    made.canceled.connect(lambda heard: post(_Event(clock(), failure=_failure(heard.cancellation_details))))
    connection.disconnected.connect(lambda _: post(_Event(clock(), disconnected=True)))
    made.start_continuous_recognition_async().get()
    return _Line(made, connection, stream, mailbox)


def _event_of(result: Any, at_ns: int, *, final: bool) -> _Event:
    return _Event(at_ns, result.text, (result.offset + result.duration) / TICKS_PER_MS, final)


def _failure(details: Any) -> ServiceError:
    code = details.code
    return cancelled(getattr(code, "name", str(code)), details.error_details or "")


def _close(lines: list[_Line]) -> None:
    line = lines.pop()
    line.connection.disconnected.disconnect_all()
    line.stream.close()
    line.recognizer.stop_continuous_recognition_async().get()
