"""A call: one caller on one connection, speaking and listening at the same time.

The rule: after an utterance the caller goes on sending silence in real time, as a phone does; reading never waits for
speaking. Every wait has a deadline of its own, and whatever the agent does becomes a sample: ok, failed or censored.
"""

from __future__ import annotations

import asyncio
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.audio import RATE, clip_from
from pytest_rtmedload.clients.websocket.loss import NotInTime
from pytest_rtmedload.dialects.heard import AgentText, Audio, Garbage, StopAudio, Understood
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.voice.errors import CallEnded, CallError, NoAnswer
from pytest_rtmedload.voice.pacer import FRAME_NS
from pytest_rtmedload.voice.speech import speaking
from pytest_rtmedload.voice.turn_tracker import BARGE_IN, LOOP, Call, Sample
from pytest_rtmedload.voice.turns import Answer
from pytest_rtmedload.voice.waiters import Waits

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from pytest_rtmedload.audio import Clip
    from pytest_rtmedload.clients.websocket.connection import Connection
    from pytest_rtmedload.clients.websocket.loss import Loss
    from pytest_rtmedload.voice.connection import Line
    from pytest_rtmedload.voice.messages import Message
    from pytest_rtmedload.voice.pacer import Pacer
    from pytest_rtmedload.voice.sink import CallRecorder
    from pytest_rtmedload.voice.speech import Speaking, Speech
    from pytest_rtmedload.voice.turns import Turn

    Utterance = str | os.PathLike[str] | Clip

LONGEST_ANSWER_S: Final = 120.0
"""An agent that has been speaking for two minutes is not going to stop."""
UNREAD_S: Final = 5.0
"""A peer that has not read for this long is gone, even if its connection is open."""


class VoiceCall:
    """A call: `say`, `heard`, `interrupt`, `hang_up`.

    Args:
        recorder: keeps the samples.
        line: the connection, not open yet.
        speech: how this kind of socket takes audio.
        pacer: sends the frames in time.
        limit: seconds to wait for an answer, unless a call says otherwise.
        rate: samples per second of audio that does not say it.
        opening: messages sent at once after connecting.
        keep: keep all turns with their audio, so that the call can be written down.
    """

    def __init__(
        self,
        recorder: CallRecorder,
        line: Line,
        speech: Speech,
        pacer: Pacer,
        *,
        limit: float,
        rate: int = RATE,
        opening: Sequence[str | bytes] = (),
        keep: bool = False,
    ) -> None:
        self._recorder = recorder
        self._line = line
        self._speech = speech
        self._pacer = pacer
        self._limit = limit
        self._opening = opening
        self._call = Call(rate, round(limit * 1e9), keep=keep)
        self._loop = asyncio.get_running_loop()
        self._waits = Waits()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_ns = 0
        self._connection: Connection | None = None
        self._silence = speech.silence
        self._speaking: Speaking | None = None
        self._frame = 0
        self._unread_since = 0
        self._measured: dict[str, float] = {}
        self._ended: str | None = None
        self._ending_counted = False
        self._left = False
        self.spoken: list[tuple[int, Clip]] = []
        """When each utterance began, on `time.perf_counter_ns`; if audio is kept."""
        self.found: list[Sample] = []
        """All times that were measured in `turns`."""

    @property
    def turns(self) -> list[Turn]:
        """All turns so far; of a long call of which the audio is not kept the first ones."""
        return self._call.turns

    # --- the caller's side

    async def connect(self) -> None:
        """Connect and begin to send silence; once.

        Raises:
            TransportError: there is no connection; recorded.
        """
        connection = self._connection = await self._line.connect(self._lost)
        self._call.connected(connection.opened_ns)
        early = connection.inbox.drain()  # it came with the 101
        connection.deliver = self._received
        for message in self._opening:
            connection.write(message, text=isinstance(message, str))
        for message in early:
            self._received(message, connection.opened_ns)
        if connection.loss is None:
            self._pacer.join(self)
        else:
            self._lost(connection.loss)

    async def greeted(self, timeout: float) -> Answer | None:  # noqa: ASYNC109 - what it cuts off is a sample
        """Listen to the agent's greeting; None when there was none within `timeout` seconds, a censored sample.

        Raises:
            CallEnded: the connection is gone; a failed sample.
        """
        turn = self._call.asked
        try:
            await self._onset(turn, timeout, "no greeting")
        except NoAnswer:
            return None
        return await self._to_its_end(turn)

    async def say(self, utterance: Utterance) -> None:
        """Speak; returns at the end of the last voiced sample.

        Args:
            utterance: name of a recorded line, a path to a WAV file of your own, or a `Clip`.

        Raises:
            ClipError: no such utterance, or not 16 kHz 16-bit mono with speech in it. Nothing was sent or measured.
            CallEnded: the connection is gone; a failed sample.
            RuntimeError: the caller is speaking already, or has hung up.
        """
        clip = clip_from(utterance)
        if self._speaking is not None:
            raise RuntimeError("the caller is speaking already: await the say() before")
        self._check_line()
        self._measured = {}
        self._call.utter(clip, perf_counter_ns())
        self._take_findings()
        turn = self._call.asked
        self._frame = 0
        self._speaking = speaking(clip, self._speech)
        try:
            spoken = await self._until(lambda: turn.speech_end_ns, clip.duration_ms / 1000 + self._limit)
        finally:
            self._speaking = None
        self._check_line()
        if not spoken:
            reason = "the utterance could not be sent in time"
            self._give_up(Outcome.FAILED, reason)
            self._failed(reason)
            raise CallError(f"{self._line.name}: {reason}")

    async def heard(self, timeout: float | None = None) -> Answer:  # noqa: ASYNC109
        """Listen to the answer to what was said last, to its end.

        Args:
            timeout: seconds from the end of the utterance until the answer begins, instead of the call's.

        Raises:
            NoAnswer: there was none; a censored sample.
            CallEnded: the connection is gone; a failed sample.
        """
        turn = self._call.asked
        await self._onset(turn, self._limit if timeout is None else timeout, "no answer")
        return await self._to_its_end(turn)

    async def interrupt(self, utterance: Utterance, after: float = 0.5, timeout: float | None = None) -> Answer:  # noqa: ASYNC109
        """Speak while the agent is still answering; returns at the end of the last voiced sample.

        Args:
            utterance: as in `say`.
            after: seconds of the answer to listen to first.
            timeout: seconds to wait for that answer, as in `heard`.

        Returns:
            The answer that was interrupted.

        Raises:
            NoAnswer: there was nothing to interrupt; a censored sample.
            CallEnded, ClipError: as `say`.
        """
        clip, turn = clip_from(utterance), self._call.asked
        await self._onset(turn, self._limit if timeout is None else timeout, "no answer")
        listened = max(turn.onset_ns + round(after * 1e9) - perf_counter_ns(), 0) / 1e9
        await self._until(lambda: turn.over, listened)
        still_speaking = self._call.speaking(perf_counter_ns())
        if not self._recorder.check(f"an answer long enough to interrupt after {after:g} s", still_speaking):
            self._recorder.error(f"{BARGE_IN}: the answer was over before it could be interrupted")
        measured = self._measured
        await self.say(clip)
        return Answer.of(turn, measured)

    def write(self, message: str | bytes) -> None:
        """Send a message in addition to the audio; no sample.

        Raises:
            CallEnded: the connection is gone.
        """
        self._check_line()
        if self._connection is not None:
            self._connection.write(message, text=isinstance(message, str))

    async def hang_up(self) -> None:
        """End the call; no sample, but who still waits for an answer has a censored one. Can be called again."""
        self._left = True
        self._pacer.leave(self)
        if self._waits:
            self._give_up(Outcome.CENSORED, "the caller hung up before there was an answer")
        self._call.hang_up(perf_counter_ns())
        self._take_findings()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        patient, self._ended = self._ended is None, self._ended or "the caller has hung up"
        self._waits.end()
        await self._line.close(1000, "", patient=patient)

    # --- what happens on the line

    def frame_due(self, now_ns: int, stamp: bytes) -> None:
        """Send the next frame: what the pacer calls, 50 times a second. The hot path."""
        connection = self._connection
        if connection is None or connection.loss is not None or self._stuck(connection, now_ns):
            self._pacer.leave(self)
            return
        speaking = self._speaking
        frame = self._silence if speaking is None else speaking.frames[self._frame]
        connection.write(self._speech.message(frame, stamp), text=self._speech.text)
        if speaking is not None:
            self._sent(speaking, now_ns)

    def _sent(self, speaking: Speaking, now_ns: int) -> None:
        """A frame sent at s carries the sound of [s − 20 ms, s]."""
        index, began = self._frame, now_ns - FRAME_NS
        self._frame += 1
        if index == 0 and self._call.keep:
            self.spoken.append((began, speaking.clip))
        if index == speaking.begin[0]:
            self._call.speech_began(began + speaking.begin[1])
        if index == speaking.end[0] or self._frame == len(speaking.frames):
            self._speaking = None
            self._call.speech_ended(began + speaking.end[1])
            self._advanced(now_ns)

    def _stuck(self, connection: Connection, now_ns: int) -> bool:
        """True when the peer has stopped reading for good."""
        if not connection.paused:
            self._unread_since = 0
            return False
        self._unread_since = self._unread_since or now_ns
        if now_ns - self._unread_since < UNREAD_S * 1e9:
            return False
        self._line.samples.dropped()
        self._gone(f"the agent has not read for {UNREAD_S:g} s", unexpected=True)
        return True

    def _received(self, message: Message, read_ns: int) -> None:
        """A message arrived."""
        if self._left:
            return
        call = self._call
        match self._speech.read(message):
            case Audio() as audio:
                call.audio(audio, read_ns)
            case StopAudio():
                call.stop(read_ns)
            case Understood() as understood:
                call.understood(understood)
            case AgentText() as said:
                call.said(said)
            case Garbage(reason):
                self._recorder.error(f"{self._line.name}: {reason}")
        self._advanced(read_ns)

    def _lost(self, loss: Loss) -> None:
        """The agent has ended the connection; a normal close after the answer has arrived is not unexpected."""
        unexpected = not loss.normal or (bool(self._waits) and not self._call.delivered)
        if unexpected:
            self._line.samples.dropped()
        self._gone(self._line.describe(loss), unexpected=unexpected)

    def _gone(self, reason: str, *, unexpected: bool) -> None:
        if self._ended is not None:
            return
        now = perf_counter_ns()
        self._pacer.leave(self)
        self._ended = reason
        self._ending_counted = self._call.lost(now, reason, unexpected=unexpected)
        self._advanced(now)
        self._waits.end()

    # --- waiting

    def _check_line(self) -> None:
        if self._left:
            raise RuntimeError("the caller has hung up: a call ends with hang_up()")
        if self._ended is not None:
            if not self._ending_counted:  # a normal close, but the caller wants to go on
                self._failed(self._ended)
                self._ending_counted = True
            raise CallEnded(f"{self._line.name}: {self._ended}")
        if self._connection is None:
            raise RuntimeError("not connected: await connect() first")

    async def _onset(self, turn: Turn, limit: float, otherwise: str) -> None:
        """Wait until an answer begins to sound."""
        waited = max(perf_counter_ns() - turn.speech_end_ns, 0) / 1e9
        await self._until(lambda: turn.answered, max(limit - waited, 0.0))
        if turn.answered:
            return
        self._check_line()
        reason = f"{otherwise} within {limit:g} s"
        self._give_up(Outcome.CENSORED, reason)
        raise NoAnswer(f"{self._line.name}: {reason}")

    async def _to_its_end(self, turn: Turn) -> Answer:
        if turn.problem is None:
            await self._until(lambda: turn.over, LONGEST_ANSWER_S)
        if not turn.over and self._ended is None and turn.problem is None:
            turn.problem = f"the agent was still speaking after {LONGEST_ANSWER_S:g} s"
            self._recorder.error(f"{LOOP}: {turn.problem}")
        return Answer.of(turn, self._measured)

    async def _until(self, holds: Callable[[], object], limit: float) -> bool:
        """Wait until something holds, at most `limit` seconds and as long as there is a connection; whether it does."""
        if not holds() and self._ended is None:
            try:
                await self._waits.until(holds, limit)
            except NotInTime:
                self._call.tick(perf_counter_ns())
                self._take_findings()
            except asyncio.CancelledError:
                self._give_up(Outcome.CENSORED, "still waiting when the iteration was cut off")
                raise
        return bool(holds())

    def _give_up(self, outcome: Outcome, reason: str) -> None:
        self._call.give_up(perf_counter_ns(), outcome, reason)
        self._take_findings()

    def _failed(self, reason: str) -> None:
        """Something that never got as far as a time to be measured."""
        now = perf_counter_ns()
        self._recorder.add(LOOP, now, now, Outcome.FAILED)
        self._recorder.error(f"{LOOP}: {reason}")

    # --- time

    def _advanced(self, now_ns: int) -> None:
        """Something happened: see what follows from it, and when to look again."""
        call = self._call
        due = call.deadline_ns
        if due is not None and due <= now_ns:
            call.tick(now_ns)
            due = call.deadline_ns
        if call.findings:
            self._take_findings()
        self._waits.wake()
        if due is not None and (self._timer is None or due < self._rings_ns):
            self._ring_at(due, now_ns)

    def _ring_at(self, due_ns: int, now_ns: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_ns = due_ns
        self._timer = self._loop.call_later(max(due_ns - now_ns, 0) / 1e9, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._advanced(perf_counter_ns())

    def _take_findings(self) -> None:
        findings, self._call.findings = self._call.findings, []
        for found in findings:
            if not isinstance(found, Sample):
                self._recorder.value(found.name, found.amount, found.unit, at_ns=found.at_ns)
                continue
            self._recorder.add(found.metric, found.start_ns, found.end_ns, found.outcome)
            if self._call.complete:
                self.found.append(found)
            if found.outcome is Outcome.OK:
                self._measured[found.metric] = (found.end_ns - found.start_ns) / 1e6
            else:
                self._recorder.error(f"{found.metric}: {found.reason}")
