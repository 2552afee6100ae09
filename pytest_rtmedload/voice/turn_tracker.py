"""A call as a state machine: which audio belongs to which turn, and what is measured.

The rule: an answer belongs to the utterance it follows. Audio that follows an interruption is the old answer's until
the agent says stop, or until nothing has arrived for 250 ms; what is then still queued is heard to its end. Agents
that synthesize sentence by sentence deliver in bursts, so while the caller still speaks and the old answer still
sounds, what arrives is more of it, however long the pause. An answer is over only after speech was heard in it. The
caller tells what happened when; this module has no clock, and gives out `Finding`s. All times are nanoseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.voice.onset import OnsetDetector
from pytest_rtmedload.voice.playback import Playback
from pytest_rtmedload.voice.quality import word_error_rate, words
from pytest_rtmedload.voice.turns import Turn, TurnKind

if TYPE_CHECKING:
    from pytest_rtmedload.audio import Clip
    from pytest_rtmedload.dialects.heard import AgentText, Audio, Understood

NEW_ANSWER_NS: Final = 250_000_000
"""Nothing arrived for so long: what comes next is another answer."""
QUIET_NS: Final = 500_000_000
"""An answer that has been silent for so long is over."""
PATIENCE_NS: Final = 3_000_000_000
"""Silence in an answer of which the agent said that there is more."""

MOST_TURNS: Final = 50
"""Turns remembered of a call of which the audio is not kept."""

GREETING: Final = "voice.greeting"
LOOP: Final = "voice.loop"
RESPONSE: Final = "voice.response"
FIRST_BYTE: Final = "voice.ttfb"
BARGE_IN: Final = "voice.barge_in"


class Sample(NamedTuple):
    """A measured time."""

    metric: str
    start_ns: int
    end_ns: int
    outcome: Outcome = Outcome.OK
    reason: str = ""
    """Why it is not ok, in one line."""


class Value(NamedTuple):
    """A measured quantity that is not a time."""

    name: str
    amount: float
    unit: str
    at_ns: int
    """When what it describes began."""


Finding = Sample | Value


class _Fading(NamedTuple):
    """An old answer of which the agent has sent the last, and the caller not yet heard it."""

    old: Turn
    interrupted_ns: int
    end_ns: int


class Call:
    """What a caller hears.

    Args:
        rate: samples per second of audio that does not say it.
        limit_ns: the end of an answer that is interrupted is given up on after so long.
        keep: keep all turns with their audio. Otherwise the first ones are remembered, without audio that nobody can
            ask for any more.
    """

    def __init__(self, rate: int, limit_ns: int, *, keep: bool = False) -> None:
        self._rate = rate
        self._limit_ns = limit_ns
        self.keep = keep
        self.turns: list[Turn] = []
        self.complete = True
        """False once there were more turns than are remembered."""
        self._playback = Playback()
        self._detector: OnsetDetector | None = None
        self._old: Turn | None = None
        self._interrupted_ns = 0  # first voiced sample of the interruption
        self._fading: _Fading | None = None
        self.turn = self._begin(Turn(TurnKind.UNASKED))
        """The present turn; arriving audio belongs to it unless an older answer still goes on."""
        self.asked = self.turn
        """The turn of the last utterance, or of the greeting; the agent may have spoken unasked since."""
        self.findings: list[Finding] = []
        """What was found out since they were last taken."""

    # --- what the caller does

    def connected(self, at_ns: int) -> None:
        """The call is up: a greeting is awaited."""
        self.asked = self._begin(Turn(TurnKind.GREETING, speech_begin_ns=at_ns, speech_end_ns=at_ns))

    def utter(self, clip: Clip, at_ns: int) -> None:
        """The caller begins an utterance now; what is still to be heard of an answer is interrupted by it."""
        self.tick(at_ns)
        self._unmeasured(at_ns, Outcome.CENSORED, "interrupted once more before the agent had stopped")
        if self.speaking(at_ns) and self._old is None:
            self._old = self.turn
        self._forget_audio()
        self._finish(self.turn, at_ns)
        self.asked = self._begin(Turn(TurnKind.ANSWER, clip))

    def speech_began(self, at_ns: int) -> None:
        """The first voiced sample of the utterance was sent."""
        self.asked.speech_begin_ns = at_ns
        if self._old is not None and self._old.onset_ns:  # else it was noise
            self._interrupted_ns = at_ns

    def speech_ended(self, at_ns: int) -> None:
        """The last voiced sample of the utterance was sent."""
        self.asked.speech_end_ns = at_ns
        if self.asked.onset_ns:
            self._spoke_too_early(self.asked)

    # --- what the agent does

    def audio(self, audio: Audio, at_ns: int) -> None:
        """Audio arrives."""
        rate = audio.rate or self._rate
        duration = len(audio.pcm) // 2 * 1_000_000_000 // rate
        if self._old is not None:
            # agents go on sending for a while after an interruption: that is not the new answer's first audio
            if self._goes_on(at_ns):
                self._add(self._old, audio, rate, duration, at_ns)
                return
            self._fade(at_ns)
        if self.turn.over:
            self._begin(Turn(TurnKind.UNASKED))
        self._add(self.turn, audio, rate, duration, at_ns)

    def stop(self, at_ns: int) -> None:
        """The agent says that what has not sounded must not."""
        heard_until = self._playback.flush(at_ns)  # what has sounded by now was heard, the rest never will be
        for turn in (self._fading and self._fading.old, self._old, self.turn):
            if turn is not None:
                _drop(turn, at_ns)
        self._faded(at_ns)
        if self._old is not None:
            self._old_ended(heard_until)
        elif not self.turn.onset_ns or self.turn.onset_ns > at_ns:
            self.turn.onset_ns = 0  # it is not going to sound
            self._detector = None

    def understood(self, message: Understood) -> None:
        """The agent tells what it took the caller to have said."""
        self.asked.understood = message.text
        self.asked.endpointing_ms = message.endpointing_ms

    def said(self, message: AgentText) -> None:
        """The agent tells its answer as text."""
        if message.whole:
            self.turn.whole_text = message.text
        else:
            self.turn.sentences.append(message.text)

    # --- time

    def speaking(self, at_ns: int) -> bool:
        """True while audio of the agent sounds, or arrives."""
        if self._old is not None:
            return True
        return self.turn.first_byte_ns > 0 and not self.turn.over and at_ns < self._stopped_at()

    @property
    def deadline_ns(self) -> int | None:
        """When `tick` has something to do; None: nothing, unless something else happens first."""
        turn = self.turn
        if turn.answered and self._old is None and self._fading is None:  # in the middle of an answer; the hot path
            return None if turn.over else self._over_at(turn)
        waiting = [self._fading.end_ns] if self._fading is not None else []
        if self._old is not None:
            waiting.append(self._stopped_at())
            if self._interrupted_ns:
                waiting.append(self._interrupted_ns + self._limit_ns)
        if turn.onset_ns and turn.speech_end_ns and not turn.answered:
            waiting.append(turn.onset_ns)
        if _can_end(turn):
            waiting.append(self._over_at(turn))
        return min(waiting, default=None)

    @property
    def delivered(self) -> bool:
        """True when the answer has arrived, as far as the agent says; some of it may not have sounded yet."""
        return self.asked.onset_ns > 0 and self.asked.speech_end_ns > 0 and not self.asked.more

    def tick(self, at_ns: int) -> None:
        """Time has passed."""
        turn = self.turn
        if self._fading is not None and at_ns >= self._fading.end_ns:
            self._faded(at_ns)
        if self._old is not None:
            if at_ns >= self._stopped_at():
                self._old_ended(self._playback.end_ns)
            elif self._interrupted_ns and at_ns >= self._interrupted_ns + self._limit_ns:
                self._unmeasured(at_ns, Outcome.CENSORED, "the agent did not stop when it was interrupted")
        # audio arrives faster than it sounds, and a stop may still take it back: measured only once it has sounded
        if turn.onset_ns and not turn.answered and at_ns >= turn.onset_ns and turn.speech_end_ns:
            self._answered(turn)
        if _can_end(turn) and at_ns >= self._over_at(turn):
            self._finish(turn, at_ns)

    def give_up(self, at_ns: int, outcome: Outcome, reason: str) -> None:
        """The present answer is given up, or cannot come: that is a sample, too."""
        turn = self.asked
        if turn.answered or turn.problem is not None or turn.kind is TurnKind.UNASKED:
            return
        turn.problem = reason
        if turn.speech_end_ns:
            metric = GREETING if turn.kind is TurnKind.GREETING else LOOP
            self.findings.append(Sample(metric, turn.speech_end_ns, max(at_ns, turn.speech_end_ns), outcome, reason))
        self._unmeasured(at_ns, outcome, reason)

    def lost(self, at_ns: int, reason: str, *, unexpected: bool) -> bool:
        """The connection has ended; when that is unexpected, it is a failed sample, whoever waits.

        Returns:
            Whether there is a failed sample.
        """
        self.tick(at_ns)
        # an agent may hang up after its last answer was sent: the rest of it is heard from the caller's own buffer
        if not unexpected and self.delivered:
            self._heard_out(self.asked)
        known = len(self.findings)
        self.give_up(at_ns, Outcome.FAILED, reason)
        if unexpected and len(self.findings) == known:
            self.findings.append(Sample(LOOP, at_ns, at_ns, Outcome.FAILED, reason))
        return len(self.findings) > known

    def hang_up(self, at_ns: int) -> None:
        """The caller ends the call."""
        self.tick(at_ns)
        if self._old is not None and self._playback.silent(at_ns):
            self._old_ended(self._playback.end_ns)
        self._faded(at_ns)
        self._unmeasured(at_ns, Outcome.CENSORED, "the call was over before the agent had stopped")
        self._finish(self.turn, at_ns)

    # --- how it works

    def _begin(self, turn: Turn) -> Turn:
        if self.keep or len(self.turns) < MOST_TURNS:
            self.turns.append(turn)
        else:
            self.complete = False
        self._detector = None
        self.turn = turn
        return turn

    def _forget_audio(self) -> None:
        """A minute of audio is 2 MB: only the turn asked last can still be given out as an answer."""
        if not self.keep:
            for turn in self.turns:
                if turn.over and turn is not self.asked:
                    turn.pieces.clear()

    def _add(self, turn: Turn, audio: Audio, rate: int, duration: int, at_ns: int) -> None:
        gap = at_ns - self._playback.end_ns if turn.first_byte_ns else 0  # before the first there is nothing to stall
        begin = self._playback.place(at_ns, duration)
        turn.first_byte_ns = turn.first_byte_ns or at_ns
        turn.add(begin, begin + duration, audio.pcm, rate)
        turn.more = audio.more
        turn.delivery.received(at_ns, duration, max(gap, 0))
        if turn is self.turn and not turn.onset_ns:
            self._listen(turn, audio.pcm, rate, begin)

    def _listen(self, turn: Turn, pcm: bytes, rate: int, begin_ns: int) -> None:
        if self._detector is None or self._detector.rate != rate:
            self._detector = OnsetDetector(rate)
        turn.onset_ns = self._detector.feed(pcm, begin_ns) or 0
        if turn.onset_ns and turn.speech_end_ns and turn.onset_ns < turn.speech_end_ns:
            self._spoke_too_early(turn)

    def _spoke_too_early(self, turn: Turn) -> None:
        if turn.onset_ns < turn.speech_end_ns and turn.problem is None:
            turn.problem = "the agent spoke before the caller had finished"
            turn.answered = True
            at = turn.speech_end_ns
            self.findings.append(Sample(LOOP, at, at, Outcome.FAILED, turn.problem))

    def _answered(self, turn: Turn) -> None:
        turn.answered = True
        if turn.problem is not None:
            return  # it has its sample
        start, onset = turn.speech_end_ns, turn.onset_ns
        if turn.kind is TurnKind.GREETING:
            self.findings.append(Sample(GREETING, start, onset))
        elif turn.kind is TurnKind.ANSWER:
            self.findings.append(Sample(LOOP, start, onset))
            if turn.first_byte_ns >= start:  # else it was noise or silence while the caller spoke
                self.findings.append(Sample(FIRST_BYTE, start, turn.first_byte_ns))
            waited_ns = (turn.endpointing_ms or 0.0) * 1e6
            if turn.endpointing_ms is not None and 0 <= waited_ns < onset - start:  # else the agent is mistaken
                self.findings.append(Sample(RESPONSE, start + round(waited_ns), onset))

    def _old_ended(self, heard_until_ns: int) -> None:
        if self._old is not None:
            self._old.cut = True
        if 0 < self._interrupted_ns < heard_until_ns:  # else it was over before it could be interrupted
            self.findings.append(Sample(BARGE_IN, self._interrupted_ns, heard_until_ns))
        self._old, self._interrupted_ns = None, 0

    def _fade(self, at_ns: int) -> None:
        """A new answer begins; what is queued of the old one still sounds, unless the agent stops it after all."""
        if self._old is not None and self._playback.end_ns > at_ns:
            self._faded(at_ns)
            self._fading = _Fading(self._old, self._interrupted_ns, self._playback.end_ns)
            self._old.cut = True
            self._old, self._interrupted_ns = None, 0
        else:
            self._old_ended(self._playback.end_ns)

    def _faded(self, at_ns: int) -> None:
        """The old answer has sounded to its end, or is stopped now."""
        if self._fading is not None:
            end = min(self._fading.end_ns, at_ns)
            if 0 < self._fading.interrupted_ns < end:
                self.findings.append(Sample(BARGE_IN, self._fading.interrupted_ns, end))
            self._fading = None

    def _unmeasured(self, at_ns: int, outcome: Outcome, reason: str) -> None:
        """The end of the old answer is no longer measured; the answer goes on, and so does what belongs to it."""
        if self._interrupted_ns:
            end = max(at_ns, self._interrupted_ns)
            self.findings.append(Sample(BARGE_IN, self._interrupted_ns, end, outcome, reason))
            self._interrupted_ns = 0

    def _goes_on(self, at_ns: int) -> bool:
        """True when what arrives now is more of the old answer."""
        if at_ns < self._playback.arrived_ns + NEW_ANSWER_NS:
            return True
        return not self.asked.speech_end_ns and not self._playback.silent(at_ns)

    def _stopped_at(self) -> int:
        """When what has arrived has sounded, and was not followed by more."""
        return max(self._playback.end_ns, self._playback.arrived_ns + NEW_ANSWER_NS)

    def _heard_out(self, turn: Turn) -> None:
        """Nothing else comes, but all that has come is heard."""
        if not turn.answered:
            self._answered(turn)
        self._finish(turn, self._playback.end_ns)

    def _over_at(self, turn: Turn) -> int:
        quiet = PATIENCE_NS if turn.more else QUIET_NS
        return max(self._playback.end_ns, self._playback.arrived_ns, turn.onset_ns) + quiet

    def _finish(self, turn: Turn, at_ns: int) -> None:
        """The turn is over: give out what is known only at its end."""
        if turn.over:
            return
        turn.over = True
        turn.cut = turn.cut or self._playback.end_ns > at_ns
        if turn.kind is TurnKind.UNASKED or not turn.first_byte_ns:
            return
        delivery, at = turn.delivery, turn.speech_end_ns or turn.first_byte_ns
        self.findings += [
            Value("voice.jitter", delivery.jitter_ns / 1e6, "ms", at),
            Value("voice.underrun", delivery.underruns, "", at),
            Value("voice.delivery_ratio", delivery.ratio, "", at),
            Value("voice.mos", delivery.mos, "MOS (estimate)", at),
            *(Value("voice.stall", stall / 1e6, "ms", at) for stall in delivery.stalls_ns),
        ]
        said = (turn.asked and turn.asked.text) or ""
        if words(said) and turn.understood is not None:
            self.findings.append(Value("stt.wer", word_error_rate(said, turn.understood), "", at))


def _can_end(turn: Turn) -> bool:
    """True when silence would end it: not before it was heard, since silence may precede speech."""
    heard = turn.answered or (turn.kind is TurnKind.UNASKED and turn.onset_ns > 0)
    return heard and not turn.over


def _drop(turn: Turn, at_ns: int) -> None:
    """Forget the audio that will not sound."""
    heard = []
    for piece in turn.pieces:
        if piece.begin_ns + piece.duration_ns <= at_ns:
            heard.append(piece)
        elif piece.begin_ns < at_ns:
            piece.cut(at_ns)
            heard.append(piece)
    turn.pieces[:] = heard
    turn.end_ns = min(turn.end_ns, at_ns)
