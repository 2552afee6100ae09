"""One call on one socket: performs the conversation's actions when they are due.

The rule: this module makes no decisions. It turns the conversation's actions into frames, events for dashboards, and
one write per turn to the session store.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.embedded.calls.actions import Close, Play, Prepare, Say, StopAnswer
from pytest_rtmedload.embedded.calls.ground_truth import PressedKey
from pytest_rtmedload.embedded.calls.turns import CallConversation, Manners
from pytest_rtmedload.embedded.calls.wire import filled, text_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.dialects import Json
    from pytest_rtmedload.dialects.voice import BrowserWire, PhoneWire
    from pytest_rtmedload.embedded.calls.actions import Action
    from pytest_rtmedload.embedded.calls.call_services import Office
    from pytest_rtmedload.embedded.calls.connection import CallProtocol
    from pytest_rtmedload.embedded.calls.ground_truth import TurnTruth
    from pytest_rtmedload.embedded.calls.lines import SpokenLine
    from pytest_rtmedload.embedded.calls.wire import AudioFrames

_SOON_NS: Final = 1_000_000_000
"""Further away, the event loop's own timer is exact enough, and cheap to cancel."""
_TOLD_TO_DASHBOARDS: Final = ("heard", "answer")


class EmbeddedCall:
    """A call whose client speaks one of the media wires; subclasses read what it sends."""

    def __init__(
        self,
        office: Office,
        socket: CallProtocol,
        wire: PhoneWire | BrowserWire,
        audio: AudioFrames,
        name: str,
        index: int,
    ) -> None:
        self.name = name
        self.office = office
        self.socket = socket
        said = wire.said
        self._texts: dict[str, Json | None] = {
            "greeting": said.greeting,
            "heard": said.heard,
            "sentence": said.sentence,
            "answer": said.answer,
            "idle": said.idle,
            "exit": getattr(wire, "exit", None),
        }
        self._stop = wire.stop
        self._audio = audio
        manners = Manners(
            chunk_ns=audio.chunk_ns,
            stops=wire.stop is not None,
            greeting_stops=office.dialect.voice.greeting_yields,
            parts=self._texts["exit"] is not None,
        )
        seed = f"{office.seed}/voice/{index}"
        self.conversation = CallConversation(office.settings, manners, office.lines, name, seed, office.truth.add_turn)
        self._timer: asyncio.Task[None] | asyncio.TimerHandle | None = None
        self._timer_due = 0
        self._session_id: str | None = None
        self._counted = 0

    def begin(self) -> None:
        """The socket is open."""
        self.conversation.active(time.perf_counter_ns())
        self.office.background(self._find_session())
        self.tell_dashboards("call_connected")
        self.perform([])

    def finish(self) -> None:
        """The socket is closed."""
        self._stop_timer()
        self.tell_dashboards("call_disconnected")

    def perform(self, actions: Sequence[Action]) -> None:
        """Perform the given actions, then those that are due, then set the timer for the next."""
        while True:
            for action in actions:
                self._do(action)
            if not self.socket.is_open:
                self._stop_timer()
                return
            if self.conversation.due > time.perf_counter_ns():
                break
            actions = self.conversation.act(time.perf_counter_ns())
        self._set_timer(self.conversation.due)

    def send(self, template: Json) -> None:
        """Send a text message."""
        self.socket.send_frames(text_frame(filled(template, id=self.name)))

    def press(self, key: str, received: int) -> None:
        """A key of the phone."""
        self.conversation.active(received)
        self.office.truth.add_key(PressedKey(self.name, key, received))
        self.tell_dashboards("dtmf_tone", key)
        if self._session_id is not None:
            self.office.background(self.office.sessions.update(self.name, self._session_id, {}, [key], 1))

    def tell_dashboards(self, event: str, value: str | None = None) -> None:
        """Something happened to this call."""
        template = self.office.dialect.voice.relay.call_event
        self.office.relay.tell(self._ids, lambda: text_frame(filled(template, id=self.name, event=event, value=value)))

    @property
    def _ids(self) -> tuple[str | None, ...]:
        return self.name, self._session_id

    def _do(self, action: Action) -> None:
        match action:
            case Say(kind, text, turn):
                self._say(kind, text, turn)
            case Prepare(speech) if not self._audio.ready(speech):
                self._make(speech)
            case Play(piece, turn):
                self.socket.send_frames(b"".join(self._audio.of(piece.speech)[piece.first : piece.end]))
                self._count(turn)
            case StopAnswer() if self._stop is not None:
                self.send(self._stop)
            case Close(code):
                self.socket.end(code)

    def _say(self, kind: str, text: str, turn: TurnTruth) -> None:
        template = self._texts[kind]
        if template is None:
            return
        frame = text_frame(
            filled(
                template,
                id=self.name,
                text=text,
                turn=f"{self.name}-{turn.number}",
                endpointing_ms=self.office.settings.endpointing / 1e6,
            )
        )
        self.socket.send_frames(frame)
        if kind in _TOLD_TO_DASHBOARDS:
            self.office.relay.tell(self._ids, lambda: frame)

    def _make(self, speech: SpokenLine) -> None:
        """Make the frames of a recording before they are due; at a higher rate that takes too long for the loop."""
        asyncio.get_running_loop().run_in_executor(None, self._audio.of, speech)

    def _count(self, turn: TurnTruth) -> None:
        if self._session_id is not None and turn.number > self._counted:
            self._counted = turn.number
            self.office.background(self.office.sessions.add_turn(self._session_id, turn.to_metrics()))

    async def _find_session(self) -> None:
        self._session_id = await self.office.sessions.session_of(self.name)

    def _set_timer(self, due: int) -> None:
        if self._timer is not None and self._timer_due <= due:
            return  # the timer fires earlier, and is set again then
        self._stop_timer()
        self._timer_due = due
        ahead = due - time.perf_counter_ns()
        if ahead > _SOON_NS:
            self._timer = asyncio.get_running_loop().call_later(ahead / 1e9, self._time_is_up)
        else:
            self._timer = self.office.background(self._wait(due))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _wait(self, due: int) -> None:
        await self.office.deadlines.until(due)
        self._time_is_up()

    def _time_is_up(self) -> None:
        self._timer = None
        self.perform([])
