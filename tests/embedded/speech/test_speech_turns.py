"""Recognition without sockets: the messages of a client in, the messages of the service out."""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.audio import clip
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.speech.actions import Action, Hangup, Send
from pytest_rtmedload.embedded.speech.context import TurnContext
from pytest_rtmedload.embedded.speech.ground_truth import SpeechTruth
from pytest_rtmedload.embedded.speech.messages import Message, parse
from pytest_rtmedload.embedded.speech.recogniser import Recogniser
from pytest_rtmedload.embedded.speech.recognition import Recognition
from pytest_rtmedload.embedded.speech.settings import SpeechSettings

if TYPE_CHECKING:
    from tests.embedded.speech.laboratory import Laboratory

LINE = clip("chest_pain_1")
CONVERSATION = "/speech/recognition/conversation/cognitiveservices/v1?language=en-US"
INTERACTIVE = "/speech/recognition/interactive/cognitiveservices/v1?language=en-US"
PIECE_MS = 100
PIECE = 32 * PIECE_MS
SECOND = bytes(32_000)
MS = 1_000_000


class Client:
    """Plays the SDK: one connection, one piece of audio each 100 ms of its own clock."""

    def __init__(self, laboratory: Laboratory, *pairs: str, url: str = CONVERSATION) -> None:
        settings = EmbeddedSettings.parse(["speech.final=40ms", "speech.first_partial=300ms", *pairs])
        self.truth = SpeechTruth()
        recogniser = Recogniser(settings.part(SpeechSettings), 0, laboratory.lines, self.truth)
        self.connection = Recognition(recogniser, "session", url)
        self.now = 0
        self.said: list[tuple[int, str, Any]] = []
        """Due (ms), path and body of each message."""
        self.end: Hangup | None = None

    def turn(self, request: str, context: dict[str, Any] | None = None, rate: int = 16_000) -> None:
        self._take(Message({"path": "speech.context", "x-requestid": request}, json.dumps(context or {})))
        header = b"RIFF" + bytes(16) + struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16) + b"data" + bytes(4)
        self.audio(request, header)

    def talk(self, request: str, pcm: bytes) -> None:
        for begin in range(0, len(pcm), PIECE):
            self.now += PIECE_MS * MS
            self.audio(request, pcm[begin : begin + PIECE])

    def audio(self, request: str, payload: bytes) -> None:
        self._take(Message({"path": "audio", "x-requestid": request}, payload))

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.said]

    def body(self, path: str) -> Any:
        return next(body for _, said, body in self.said if said == path)

    def _take(self, message: Message) -> None:
        for action in self.connection.receive(message, self.now):
            self._note(action)

    def _note(self, action: Action) -> None:
        if isinstance(action, Hangup):
            self.end = action
            return
        told = parse(action.data)
        self.said.append((action.due // MS, told.path, told.json() if told.text.endswith("}") else told.text))
        if action.sent is not None:
            action.sent(action.due)


def test_a_continuous_turn_in_its_order(laboratory: Laboratory) -> None:
    client = Client(laboratory)
    client.turn("a")
    client.talk("a", LINE.pcm + SECOND)
    client.audio("a", b"")
    paths = [path for path in client.paths() if path != "speech.hypothesis"]
    assert paths == [
        "turn.start", "speech.startdetected", "speech.phrase", "speech.enddetected", "speech.phrase", "turn.end",
    ]  # fmt: skip
    received = len(LINE.pcm) + len(SECOND)
    acknowledged = client.said[-2][2]
    assert acknowledged == {"RecognitionStatus": "EndOfDictation", "Offset": received * 625 // 2, "Duration": 0}


def test_the_phrase_is_due_a_drawn_delay_after_the_silence(laboratory: Laboratory) -> None:
    client = Client(laboratory)
    client.turn("a")
    client.talk("a", LINE.pcm + SECOND)
    due = next(due for due, path, _ in client.said if path == "speech.phrase")
    silent_ms = LINE.voiced_end_ms + 500
    truth = client.truth.phrases[0]
    assert 0 <= due - 40 - silent_ms < PIECE_MS + 20
    assert (truth.text, truth.status, truth.drawn_ns, truth.phrase_ns) == (LINE.text, "Success", 40 * MS, due * MS)
    assert truth.heard_ns == (due - 40) * MS
    assert 0 <= truth.last_voiced_ns / MS - LINE.voiced_end_ms < PIECE_MS


def test_hypotheses_follow_the_speech_received(laboratory: Laboratory) -> None:
    client = Client(laboratory)
    client.turn("a")
    client.talk("a", LINE.pcm)
    partials = [(due, body["Duration"] / 10_000) for due, path, body in client.said if path == "speech.hypothesis"]
    assert partials[0][1] >= 300
    assert partials[0][1] < 300 + PIECE_MS
    assert all(later[1] - earlier[1] >= 200 for earlier, later in pairwise(partials))
    assert not client.truth.phrases  # nothing is final yet


def test_once_ends_its_turn_and_drops_what_comes_later(laboratory: Laboratory) -> None:
    client = Client(laboratory, url=INTERACTIVE)
    client.turn("a")
    client.talk("a", LINE.pcm + SECOND + LINE.pcm + SECOND)
    assert client.paths().count("speech.phrase") == 1
    assert client.paths()[-2:] == ["speech.enddetected", "turn.end"]


def test_a_second_turn_counts_from_its_own_first_sample(laboratory: Laboratory) -> None:
    client = Client(laboratory, url=INTERACTIVE)
    client.turn("a")
    client.talk("a", LINE.pcm + SECOND)
    client.turn("b")
    client.talk("a", SECOND)  # late audio of the first
    client.turn("b")
    client.talk("b", LINE.pcm + SECOND)
    offsets = [body["Offset"] for _, path, body in client.said if path == "speech.phrase"]
    assert len(offsets) == 2
    assert offsets[0] == offsets[1]


def test_a_cut_utterance_is_answered_at_the_end_of_the_audio(laboratory: Laboratory) -> None:
    client = Client(laboratory)
    client.turn("a")
    client.talk("a", LINE.pcm)
    client.audio("a", b"")
    assert client.body("speech.phrase")["DisplayText"] == LINE.text


def test_silence_is_acknowledged_now_and_then(laboratory: Laboratory) -> None:
    client = Client(laboratory)
    client.turn("a")
    client.talk("a", SECOND * 11)
    offsets = [body["Offset"] / 10_000_000 for _, path, body in client.said if path == "speech.phrase"]
    assert offsets == [5.0, 10.0]


@pytest.mark.parametrize(
    ("fault", "missing"), [("no_turn_start", "turn.start"), ("no_turn_end", "turn.end"), ("silent", "speech.phrase")]
)
def test_a_fault_takes_a_message_away(laboratory: Laboratory, fault: str, missing: str) -> None:
    client = Client(laboratory, f"speech.fault.stt={fault}")
    client.turn("a")
    client.talk("a", LINE.pcm + SECOND)
    client.audio("a", b"")
    assert missing not in client.paths()
    assert ("speech.phrase" in client.paths()) == (fault != "silent")


@pytest.mark.parametrize(("fault", "phrases"), [("close_1011", 0), ("close_1011@late", 1)])
def test_a_fault_ends_the_connection_early_or_late(laboratory: Laboratory, fault: str, phrases: int) -> None:
    client = Client(laboratory, f"speech.fault.stt={fault}")
    client.turn("a")
    client.talk("a", LINE.pcm + SECOND + LINE.pcm + SECOND)
    assert client.paths().count("speech.phrase") == phrases
    assert client.end is not None
    assert client.end.code == 1011


def test_audio_it_does_not_understand_is_a_bad_request(laboratory: Laboratory) -> None:
    client = Client(laboratory)
    client.turn("a", rate=11_025)
    assert client.end == Hangup(0, 1007, "Audio has to be 16-bit mono PCM at one of 8000, 16000, 24000, 48000 Hz")
    client.talk("a", LINE.pcm)
    assert client.paths() == ["turn.start"]


def segmented(**segmentation: object) -> dict[str, Any]:
    return {"phraseDetection": {"CONVERSATION": {"segmentation": segmentation}}}


@pytest.mark.parametrize(
    ("url", "context", "expected"),
    [
        (CONVERSATION, {}, TurnContext()),
        (INTERACTIVE + "&format=detailed", {}, TurnContext(once=True, detailed=True)),
        ("/stt/speech/universal/v2", {"phraseDetection": {"mode": "INTERACTIVE"}}, TurnContext(once=True)),
        (INTERACTIVE, {"phraseDetection": {"mode": "Conversation"}}, TurnContext()),
        (CONVERSATION, segmented(mode="Custom", segmentationSilenceTimeoutMs=300), TurnContext(segmentation_ms=300)),
        (CONVERSATION, segmented(mode="Semantic"), TurnContext()),
        (CONVERSATION + "&endSilenceTimeoutMs=800", {}, TurnContext(segmentation_ms=800)),
        (CONVERSATION + "&initialSilenceTimeoutMs=900", {}, TurnContext(initial_silence_ms=900)),
        (CONVERSATION, {"phraseDetection": 3, "phraseOutput": {"format": "Detailed"}}, TurnContext(detailed=True)),
    ],
)
def test_what_the_client_asks_for(url: str, context: dict[str, Any], expected: TurnContext) -> None:
    assert TurnContext.of_url(url).updated(context) == expected


def test_other_messages_are_taken_as_said(laboratory: Laboratory) -> None:
    client = Client(laboratory)
    for path in ("speech.config", "telemetry", "speech.event", ""):
        assert client.connection.receive(Message({"path": path}, "{"), 0) == []


def test_actions_are_messages(laboratory: Laboratory) -> None:
    client = Client(laboratory)
    [start] = client.connection.receive(Message({"path": "audio", "x-requestid": "Q"}, bytes(PIECE)), 5)
    assert isinstance(start, Send)
    assert (start.due, parse(start.data).request_id) == (5, "Q")  # audio may come without a context
