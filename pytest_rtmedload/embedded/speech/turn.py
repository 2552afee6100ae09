"""One turn of recognition: the audio of one request, and the answers to it.

The rule: turn.start, then for each utterance startDetected, growing hypotheses and a phrase, then endDetected and
turn.end. A continuous turn lasts until the client's audio ends, and before its end everything received is acknowledged
with an EndOfDictation phrase: the SDK replays, in further turns, all audio after the last phrase. Offsets are relative
to the turn's own audio.
"""

from __future__ import annotations

import struct
import uuid
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.embedded.speech.actions import BAD_REQUEST, Action
from pytest_rtmedload.embedded.speech.answers import Answers
from pytest_rtmedload.embedded.speech.ground_truth import PhraseTruth
from pytest_rtmedload.embedded.speech.hearing import Began, SpeechEar, Voiced
from pytest_rtmedload.embedded.speech.phrases import LANGUAGE, NO_MATCH, SUCCESS, phrase_body

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.speech.context import TurnContext
    from pytest_rtmedload.embedded.speech.lines import SpeechLine
    from pytest_rtmedload.embedded.speech.partials import Partials
    from pytest_rtmedload.embedded.speech.recogniser import Recogniser

DEFAULT_RATE: Final = 16_000
RATES: Final = (8_000, 16_000, 24_000, 48_000)
WAV_HEADER: Final = 44
_WAV_FORMAT: Final = struct.Struct("<HHIIHH")  # from byte 20: format, channels, rate, bytes/s, block, bits
ACKNOWLEDGE_MS: Final = 5_000
"""Silence is acknowledged this often: the client keeps all audio that is not (32 kB a second)."""
MARGIN_MS: Final = 100
"""Sound on both sides of the voiced windows that recognition also sees: soft beginnings and ends of words."""
KEPT_MS: Final = 1_000
"""Sound kept in silence: more than the margin, and the windows that make an onset."""


class SpokenPhrase:
    """The utterance that is being heard: its hypotheses, and its truth."""

    def __init__(self, partials: Partials, truth: PhraseTruth) -> None:
        self.partials = partials
        self.truth = truth
        self._voiced_until = 0

    def heard_until(self, end: int, now: int) -> None:
        """Speech up to this sample has arrived by now."""
        if end > self._voiced_until:
            self._voiced_until, self.truth.last_voiced_ns = end, now


class RecognitionTurn:
    """The state of one turn."""

    def __init__(self, recogniser: Recogniser, session: str, request_id: str, context: TurnContext) -> None:
        self.request_id = request_id
        self._recogniser = recogniser
        self._session = session
        self._context = context
        self._ear = self._new_ear(DEFAULT_RATE)
        self._answers: Answers | None = None
        self._utterance: SpokenPhrase | None = None
        self._acknowledged = 0

    def receive(self, pcm: bytes, now: int) -> list[Action]:
        """The next audio message: a WAV header, samples, or nothing at the end of the audio."""
        actions: list[Action] = []
        if self._answers is None:
            self._answers = Answers(self.request_id, self._ear.rate, self._recogniser.faults.next_request())
            actions += self._answers.say("turn.start", now, {"context": {"serviceTag": uuid.uuid4().hex}})
        if self._answers.over or self._answers.silent:
            return actions
        return actions + self._take_in(self._answers, pcm, now)

    def _take_in(self, answers: Answers, pcm: bytes, now: int) -> list[Action]:
        if not pcm:
            return self._end_of_audio(answers, now)
        if pcm.startswith(b"RIFF"):
            refusal = self._format(pcm[:WAV_HEADER])
            if refusal:
                return answers.end(now, BAD_REQUEST, refusal)
            answers.rate, pcm = self._ear.rate, pcm[WAV_HEADER:]
        return self._hear(answers, pcm, now) if pcm else []

    def _format(self, header: bytes) -> str | None:
        """Start listening to audio with this WAV header; returns the reason if that is impossible."""
        if len(header) < WAV_HEADER:
            return "The WAV header is not complete"
        encoding, channels, rate, _, _, bits = _WAV_FORMAT.unpack_from(header, 20)
        if (encoding, channels, bits) != (1, 1, 16) or rate not in RATES:
            return f"Audio has to be 16-bit mono PCM at one of {', '.join(map(str, RATES))} Hz"
        self._ear = self._new_ear(rate)
        return None

    def _new_ear(self, rate: int) -> SpeechEar:
        return SpeechEar(rate, self._context.segmentation_ms or self._recogniser.settings.segmentation_ms)

    def _hear(self, answers: Answers, pcm: bytes, now: int) -> list[Action]:
        actions: list[Action] = []
        for event in self._ear.listen(pcm):
            if isinstance(event, Began):
                actions += self._begin(answers, event.begin, now)
            elif self._utterance is not None:
                actions += self._phrase(answers, self._utterance, event.span, now)
            if answers.over:
                return actions
        if self._utterance is not None and self._ear.speech is not None:
            return actions + self._hypothesis(answers, self._utterance, self._ear.speech, now)
        return actions + self._silence(answers, now)

    def _begin(self, answers: Answers, begin: int, now: int) -> list[Action]:
        truth = PhraseTruth(self._session, self.request_id, uuid.uuid4().hex, now, now)
        self._utterance = SpokenPhrase(self._recogniser.partials(), truth)
        actions = answers.say("speech.startDetected", now, {"Offset": answers.ticks(begin)})
        return actions + answers.fail(now, late=False)

    def _hypothesis(self, answers: Answers, utterance: SpokenPhrase, speech: Voiced, now: int) -> list[Action]:
        utterance.heard_until(speech.end, now)
        text = utterance.partials.next(self._ear, speech)
        if text is None:
            return []
        told = {"Id": utterance.truth.id, "Text": text, "Channel": 0, "PrimaryLanguage": LANGUAGE}
        return answers.say("speech.hypothesis", now, told | answers.place(speech), utterance.truth.note_partial)

    def _phrase(self, answers: Answers, utterance: SpokenPhrase, span: Voiced, now: int) -> list[Action]:
        utterance.heard_until(span.end, now)
        truth = utterance.truth
        truth.heard_ns, truth.drawn_ns = now, self._recogniser.draw_final()
        line = self._understand(span, utterance.partials.guess)
        truth.status = answers.status or (SUCCESS if line else NO_MATCH)
        truth.text = line.text if line and truth.status == SUCCESS else ""
        truth.offset_ms, truth.duration_ms = (1000 * n / self._ear.rate for n in (span.begin, span.end - span.begin))
        self._recogniser.truth.phrases.append(truth)
        self._utterance, self._acknowledged = None, span.end
        body = {"Id": truth.id, **phrase_body(truth.status, truth.text, self._context.detailed), **answers.place(span)}
        due = now + truth.drawn_ns
        actions = answers.say("speech.phrase", due, body, truth.note_phrase) + answers.fail(due, late=True)
        return actions + (self._finish(answers, due) if self._context.once else [])

    def _understand(self, span: Voiced, guess: SpeechLine | None) -> SpeechLine | None:
        margin = MARGIN_MS * self._ear.rate // 1000
        sound = self._ear.samples(Voiced(span.begin - margin, span.end + margin))
        self._ear.forget(span.end)
        return self._recogniser.lines.recognise(sound, self._ear.rate, guess)

    def _silence(self, answers: Answers, now: int) -> list[Action]:
        position, rate = self._ear.position, self._ear.rate
        self._ear.forget(position - KEPT_MS * rate // 1000)
        waited_ms = 1000 * (position - self._acknowledged) // rate
        if self._context.once and waited_ms >= self._context.initial_silence_ms:
            return self._nothing_said(answers, "InitialSilenceTimeout", now) + self._finish(answers, now)
        if not self._context.once and waited_ms >= ACKNOWLEDGE_MS:
            return self._acknowledge(answers, now)
        return []

    def _nothing_said(self, answers: Answers, status: str, now: int) -> list[Action]:
        place = answers.place(Voiced(0, self._ear.position))
        return answers.say("speech.phrase", now, phrase_body(status, "", detailed=False) | place)

    def _acknowledge(self, answers: Answers, due: int) -> list[Action]:
        self._acknowledged = self._ear.position
        body = {"RecognitionStatus": "EndOfDictation", "Offset": answers.ticks(self._acknowledged), "Duration": 0}
        return answers.say("speech.phrase", due, body)

    def _end_of_audio(self, answers: Answers, now: int) -> list[Action]:
        span = self._ear.finish()
        if span is not None and self._utterance is not None:
            actions = self._phrase(answers, self._utterance, span, now)
        else:
            actions = self._nothing_said(answers, NO_MATCH, now) if self._context.once else []
        return actions + self._finish(answers, now)

    def _finish(self, answers: Answers, due: int) -> list[Action]:
        """The end of the turn, once."""
        actions = answers.say("speech.endDetected", due, {"Offset": answers.ticks(self._ear.position)})
        if not self._context.once:
            actions += self._acknowledge(answers, due)
        actions += answers.say("turn.end", due, {})
        answers.over = True
        return actions
