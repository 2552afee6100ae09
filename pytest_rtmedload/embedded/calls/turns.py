"""A call as a state machine: it greets, listens, thinks, speaks, and is interrupted.

The rule: everything happens at a moment that follows from the caller's own sound and from drawn delays, on an absolute
schedule: first audio = end of speech + endpointing + stt + llm + tts. It knows neither sockets nor clocks: each input
comes with its time (`time.perf_counter_ns`), the outputs are `Action`s, and `due` says when to call `act` again.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_rtmedload.embedded.calls.actions import Close, Play, Prepare, Say, StopAnswer
from pytest_rtmedload.embedded.calls.delivery import DeliveredPiece, pieces
from pytest_rtmedload.embedded.calls.ground_truth import TurnTruth
from pytest_rtmedload.embedded.calls.hearing import CallEar
from pytest_rtmedload.embedded.calls.lines import GOODBYE, GREETING, speech
from pytest_rtmedload.embedded.calls.random_draws import Chance

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rtmedload.embedded.calls.actions import Action
    from pytest_rtmedload.embedded.calls.hearing import HeardUtterance
    from pytest_rtmedload.embedded.calls.lines import CallLines, SpokenLine
    from pytest_rtmedload.embedded.calls.random_draws import Fate
    from pytest_rtmedload.embedded.calls.settings import VoiceSettings

TALK_OVER_AFTER_NS: Final = 500_000_000
"""Speech after which an agent that talks over its caller has heard enough."""


class Manners(NamedTuple):
    """Differences between versions and sockets."""

    chunk_ns: int
    """Length of one audio message."""
    stops: bool = True
    """A stop message discards the audio that the caller has not heard."""
    greeting_stops: bool = True
    """The greeting can be interrupted."""
    parts: bool = False
    """When the caller says goodbye, the agent answers and closes."""


class CallConversation:
    """One call. Perform the actions after each input, then call `act` again at `due`."""

    def __init__(
        self,
        settings: VoiceSettings,
        manners: Manners,
        lines: CallLines,
        call: str,
        seed: str,
        log: Callable[[TurnTruth], None] = lambda _turn: None,
    ) -> None:
        self._settings = settings
        self._manners = manners
        self._lines = lines
        self._call = call
        self._log = log
        self._chance = Chance(settings, seed)
        self._ear = CallEar(settings.endpointing)
        self._plan: list[tuple[int, int, Action | DeliveredPiece, TurnTruth]] = []
        self._order = itertools.count()
        self._turns = itertools.count(1)
        self._greeted = False
        self._fate = self._chance.fate()
        self._deaf: set[int] = set()
        self._speaking: TurnTruth | None = None
        self._sounds_until = 0
        self._early: TurnTruth | None = None
        self._interrupted: TurnTruth | None = None
        self._active_ns = 0

    @property
    def due(self) -> int:
        """When `act` has something to do."""
        idle = self._active_ns + self._settings.idle
        return min(idle, self._plan[0][0]) if self._plan else idle

    def active(self, now: int) -> None:
        """Record activity of the caller: the call is not idle."""
        self._active_ns = now

    def greet(self, now: int) -> list[Action]:
        """Greet the caller after the drawn delay; only once."""
        if self._greeted:
            return []
        self._greeted = True
        turn = TurnTruth(self._call, 0, "greeting", reply=GREETING)
        self._log(turn)
        hello = speech(GREETING)
        begin = now + self._chance.delay("greeting", turn)
        self._put(begin, Say("greeting", hello.text, turn), turn)
        for offset, piece in pieces(hello, self._manners.chunk_ns, realtime=self._settings.realtime):
            self._put(begin + offset, piece, turn)
        return [Prepare(hello)]

    def hear(self, pcm: bytes, received: int) -> list[Action]:
        """A frame of the caller's sound."""
        actions: list[Action] = []
        for utterance in self._ear.feed(pcm, received):
            actions += self._understand(utterance, received)
        if self._ear.begin_ns is not None:
            actions += self._while_spoken(self._ear.begin_ns, received)
        return actions

    def typed(self, text: str, now: int) -> list[Action]:
        """The caller wrote instead of speaking: a turn without the delays of hearing."""
        stopped = self.interrupt(now, now)
        turn = self._new_turn(text, now, now)
        return stopped + self._answer(turn, self._lines.typed(text), now)

    def interrupt(self, begin: int, now: int) -> list[Action]:
        """Stop speaking and discard pending speech, because of an interruption that began at `begin`."""
        sounding = self._speaking if now < self._sounds_until else None
        planned = [turn for _, _, _, turn in self._plan]
        victims = {id(turn) for turn in (*planned, sounding) if turn is not None and self._yields(turn)}
        if not victims:
            return []
        for turn in planned:
            if id(turn) in victims and turn.first_audio_ns is None:
                turn.outcome = "cancelled"
        self._plan = [step for step in self._plan if id(step[3]) not in victims or _is_heard(step[2])]
        heapq.heapify(self._plan)
        if sounding is None or id(sounding) not in victims:
            return []
        sounding.barge_in = {"begin_ns": begin, "stopped_ns": now}
        sounding.outcome = "interrupted"
        self._interrupted = sounding
        if not self._manners.stops:
            return []
        self._sounds_until = now
        return [StopAnswer()]

    def act(self, now: int) -> list[Action]:
        """Perform the step that is due first, if it is due."""
        if now < self.due:
            return []
        if not self._plan or self._plan[0][0] > now:
            self._active_ns = now
            return [Say("idle", "", TurnTruth(self._call, 0, "greeting")), Close(1000)]
        _, _, step, turn = heapq.heappop(self._plan)
        return [self._play(step, turn, now) if isinstance(step, DeliveredPiece) else step]

    def _play(self, piece: DeliveredPiece, turn: TurnTruth, now: int) -> Play:
        begin = max(now, self._sounds_until)
        self._sounds_until = begin + piece.sound_ns
        self._speaking = turn
        if turn.first_audio_ns is None:
            turn.first_audio_ns, turn.onset_ns, turn.outcome = now, begin + piece.speech.lead_ns, "played"
        return Play(piece, turn)

    def _understand(self, utterance: HeardUtterance, now: int) -> list[Action]:
        early, self._early = self._early, None
        if early is not None:  # it was answered before it was over
            early.speech_end_ns = utterance.end_ns
            return []
        loud = utterance.voiced_ns >= self._settings.barge_in
        actions = self.interrupt(utterance.begin_ns, now) if loud else []  # it arrived in a single frame
        self._settle_barge_in(utterance)
        line = self._lines.spoken(utterance.samples)
        turn = self._new_turn(self._lines.words(line), utterance.begin_ns, utterance.end_ns)
        sure = utterance.end_ns + self._settings.endpointing
        return actions + self._answer(turn, line, sure + self._chance.delay("stt", turn))

    def _settle_barge_in(self, utterance: HeardUtterance) -> None:
        """Correct the start of the interruption, which is known to the sample only after it is over."""
        interrupted, self._interrupted = self._interrupted, None
        if interrupted is not None and interrupted.barge_in is not None:
            interrupted.barge_in["begin_ns"] = utterance.begin_ns

    def _while_spoken(self, begin: int, now: int) -> list[Action]:
        if self._early is not None:
            return []
        if self._fate["talk_over"] and now - begin >= TALK_OVER_AFTER_NS:
            self._early = self._new_turn("", begin, None)
            self._early.fault = "talk_over"
            return self._answer(self._early, None, now + self._chance.delay("stt", self._early))
        return self.interrupt(begin, now) if self._ear.voiced_ns >= self._settings.barge_in else []

    def _new_turn(self, heard: str, begin: int, end: int | None) -> TurnTruth:
        turn = TurnTruth(self._call, next(self._turns), "answer", heard, begin, end)
        self._log(turn)
        return turn

    def _answer(self, turn: TurnTruth, line: str | None, heard: int) -> list[Action]:
        fate, self._fate = self._fate, self._chance.fate()
        self._put(heard, Say("heard", turn.heard or "", turn), turn)
        if fate["silent"]:
            turn.outcome, turn.fault = "silent", "silent"
            return []
        reply = self._lines.reply(line)
        turn.reply = reply.name
        written = heard + self._chance.delay("llm", turn)
        goodbye = self._manners.parts and line == GOODBYE
        for sentence in reply.sentences:
            self._put(written, Say("sentence", sentence, turn), turn)
        self._put(written, Say("answer", reply.text, turn), turn)
        if goodbye:
            self._put(written, Say("exit", "", turn), turn)
        end = self._deliver(written + self._chance.delay("tts", turn), reply, turn, fate)
        if goodbye:
            self._put(end, Close(1000), turn)
        return [Prepare(reply)]

    def _deliver(self, begin: int, reply: SpokenLine, turn: TurnTruth, fate: Fate) -> int:
        """Plan an answer's audio; returns when its last piece is delivered."""
        settings, half, end = self._settings, fate["cut"] or fate["hang_up"], begin
        turn.fault = turn.fault or next((name for name in ("hang_up", "cut", "deaf_to_barge_in") if fate[name]), None)
        if fate["deaf_to_barge_in"]:
            self._deaf.add(turn.number)
        chunk = self._manners.chunk_ns
        for offset, piece in pieces(reply, chunk, realtime=settings.realtime, stall=settings.stall, half=half):
            end = begin + offset
            self._put(end, piece, turn)
        if fate["hang_up"]:
            self._put(end, Close(settings.close_code), turn)
        return end

    def _yields(self, turn: TurnTruth) -> bool:
        if turn.kind == "greeting" and not self._manners.greeting_stops:
            return False
        return turn.number not in self._deaf and turn.barge_in is None

    def _put(self, due: int, step: Action | DeliveredPiece, turn: TurnTruth) -> None:
        heapq.heappush(self._plan, (due, next(self._order), step, turn))


def _is_heard(step: Action | DeliveredPiece) -> bool:
    """The transcript is sent even if the utterance is not answered."""
    return isinstance(step, Say) and step.kind == "heard"
