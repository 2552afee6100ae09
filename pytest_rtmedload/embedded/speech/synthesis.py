"""Synthesis: the state shared by all connections, and the state machine of one.

The rule: turn.start is sent at once, and the drawn delay lies between it and the first audio, where the SDK measures it
(a later turn.start would count as network latency). Audio is sent in pieces of 100 ms on an absolute schedule that
takes `speech.tts_rtf` times its length, followed by the requested word boundaries, an empty piece, and turn.end. A text
that is streamed in pieces is spoken when it is complete.
"""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.embedded.speech.actions import BAD_REQUEST, TOO_MANY_REQUESTS, Action, Hangup, Send
from pytest_rtmedload.embedded.speech.faults import LATE_NS, Api, FaultKind, SpeechFault
from pytest_rtmedload.embedded.speech.ground_truth import SpeechTruth, SynthesisTruth
from pytest_rtmedload.embedded.speech.messages import TICKS_PER_MS, audio_message, text_message
from pytest_rtmedload.embedded.speech.voice import Voice, rate_of, text_of_ssml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rtmedload.embedded.speech.messages import Message
    from pytest_rtmedload.embedded.speech.settings import SpeechSettings

CHUNK_MS: Final = 100
DEFAULT_FORMAT: Final = "raw-16khz-16bit-mono-pcm"
LATE_CHUNK: Final = 3
"""Pieces of audio before a late fault and before a stall."""
STALL_NS: Final = 4_000_000_000
"""The SDK gives up after a gap of 3 s (`SpeechSynthesis_FrameTimeoutInterval`)."""
_SAMPLE_BYTES: Final = 2
_NS_PER_MS: Final = 1_000_000


class Synthesiser:
    """State shared by the syntheses of a service: its settings, its voice, its seeded delays, its truth."""

    def __init__(self, settings: SpeechSettings, seed: int, voice: Voice, truth: SpeechTruth) -> None:
        self.settings = settings
        self.voice = voice
        self.truth = truth
        self.quota = settings.quota(Api.TTS)
        self.faults = settings.fault_plan(Api.TTS, seed)
        self._delays = random.Random(f"{seed}/speech/first_byte")

    def draw_first_byte(self) -> int:
        """The next delay of the first audio, in nanoseconds."""
        return self.settings.first_byte.draw(self._delays)


class Synthesis:
    """One connection."""

    def __init__(self, synthesiser: Synthesiser, session: str) -> None:
        self._synthesiser = synthesiser
        self._session = session
        self._context: Mapping[str, Any] = {}
        self._pieces: list[str] = []
        self._active = 0

    def open(self, now: int) -> bool:  # noqa: ARG002 - requests are counted, not connections
        """Connections are not counted."""
        return True

    def receive(self, message: Message, now: int) -> list[Action]:
        """Handle a message; returns the answers.

        Raises:
            ProtocolError: the message breaks the protocol.
        """
        match message.path:
            case "synthesis.context":
                self._context = _at(message.json(), "synthesis", "audio")
            case "text.piece":
                self._pieces.append(message.text)
            case "text.end":
                text, self._pieces = "".join(self._pieces).strip(), []
                return self._speak(message.request_id, text, now)
            case "ssml":
                return self._speak(message.request_id, text_of_ssml(message.text), now)
        return []

    def close(self) -> None:
        """The connection has ended, and with it its requests."""
        while self._active:
            self._leave()

    def _done(self, truth: SynthesisTruth, sent_ns: int) -> None:
        truth.note_end(sent_ns)
        self._leave()

    def _leave(self) -> None:
        if self._active:
            self._active -= 1
            self._synthesiser.quota.leave()

    def _speak(self, request_id: str, text: str, now: int) -> list[Action]:
        rate = rate_of(self._context.get("outputFormat", DEFAULT_FORMAT))
        if rate is None:
            return [Hangup(now, BAD_REQUEST, "Only 16-bit mono PCM at 8, 16, 24 or 48 kHz is synthesised")]
        if not text:
            return [Hangup(now, BAD_REQUEST, "There is no text to speak")]
        if not self._synthesiser.quota.enter(now):
            return [Hangup(now, TOO_MANY_REQUESTS, "The quota of requests is used up")]
        self._active += 1
        fault = self._synthesiser.faults.next_request()
        return _spoiled(self._script(request_id, text, rate, now), fault, now)

    def _script(self, request_id: str, text: str, rate: int, now: int) -> list[Action]:
        """All messages sent for one request."""
        speech = self._synthesiser.voice.say(text, rate)
        drawn, audio_ms = self._synthesiser.draw_first_byte(), 1000 * len(speech.pcm) / (_SAMPLE_BYTES * rate)
        truth = SynthesisTruth(self._session, request_id, text, speech.clip, now, drawn, audio_ms)
        self._synthesiser.truth.syntheses.append(truth)
        audio = self._audio(request_id, speech.pcm, rate, truth)
        end = audio[-1].due
        data = [text_message("audio.metadata", request_id, {"Metadata": self._metadata(text, audio_ms)})]
        return [
            *(Send(message, now) for message in _opening(request_id)),
            *audio[:-1],
            *(Send(message, end) for message in data),
            audio[-1],
            Send(text_message("turn.end", request_id, {}), end, lambda ns: self._done(truth, ns)),
        ]

    def _audio(self, request_id: str, pcm: bytes, rate: int, truth: SynthesisTruth) -> list[Send]:
        """The pieces, and the empty one that ends the stream."""
        stream, size = uuid.uuid4().hex, rate * CHUNK_MS // 1000 * _SAMPLE_BYTES
        first, step = truth.received_ns + truth.drawn_ns, round(self._synthesiser.settings.rtf * CHUNK_MS * _NS_PER_MS)
        pieces = [pcm[begin : begin + size] for begin in range(0, len(pcm), size)]
        return [
            Send(audio_message(request_id, stream, piece), first + k * step, None if k else truth.note_first_audio)
            for k, piece in enumerate([*pieces, b""])
        ]

    def _metadata(self, text: str, audio_ms: float) -> list[dict[str, object]]:
        options = self._context.get("metadataOptions") or {}
        words = _word_boundaries(text, audio_ms) if options.get("wordBoundaryEnabled") else []
        return [*words, {"Type": "SessionEnd", "Data": {"Offset": round(audio_ms * TICKS_PER_MS)}}]


def _opening(request_id: str) -> list[str]:
    context = {"serviceTag": uuid.uuid4().hex}
    audio = {"type": "inline", "streamId": uuid.uuid4().hex}
    return [
        text_message("turn.start", request_id, {"context": context}),
        text_message("response", request_id, {"context": context, "audio": audio}),
    ]


def _word_boundaries(text: str, audio_ms: float) -> list[dict[str, object]]:
    """The word boundaries, if each word takes time in proportion to its letters."""
    words, begun, per_letter = text.split(), 0, audio_ms * TICKS_PER_MS / (len(text) + 1)
    boundaries: list[dict[str, object]] = []
    for word in words:
        shown = {"Text": word, "Length": len(word), "BoundaryType": "WordBoundary"}
        place = {"Offset": round(begun * per_letter), "Duration": round(len(word) * per_letter)}
        boundaries.append({"Type": "WordBoundary", "Data": {**place, "text": shown}})
        begun += len(word) + 1
    return boundaries


def _spoiled(script: list[Action], fault: SpeechFault | None, now: int) -> list[Action]:
    """The script with a fault in it."""
    if fault is None:
        return script
    late = 2 + LATE_CHUNK  # after the two messages of the opening
    match fault.kind:
        case FaultKind.SILENT:
            return []
        case FaultKind.NO_TURN_START:
            return script[1:]
        case FaultKind.NO_TURN_END:
            return script[:-1]
        case FaultKind.STALL:
            return script[:late] + [_postponed(action) for action in script[late:]]
    code = int(fault.value) if fault.value else None
    kept = script[:late] if fault.late else []
    return [*kept, Hangup(kept[-1].due + LATE_NS if kept else now, code, "Injected fault")]


def _postponed(action: Action) -> Action:
    return Send(action.data, action.due + STALL_NS, action.sent) if isinstance(action, Send) else action


def _at(value: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        inner = value.get(name)
        value = inner if isinstance(inner, dict) else {}
    return value
