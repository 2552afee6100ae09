"""B3: the speech service: recognition in real time, synthesis, and whether the one understands the other."""

import pytest

from pytest_rtmedload.audio import Clip, clip, names, text_of
from pytest_rtmedload.audio.pcm import voiced_span

PATIENT = names("patient")
AGENT = names("agent")
WER = 0.1
"""One word in ten may be wrong."""


@pytest.mark.load(
    metric="stt.final",
    p95=1000,
    targets={"stt.first_partial": {"p95": 400}, "stt.wer": {"mean_max": WER}},
    users={"quick": 16},
    duration={"quick": 14},
)
async def test_recognition(load, recognizer):
    await recognizer.hear(clip(PATIENT[(load.user + load.iteration) % len(PATIENT)]))


@pytest.mark.load(metric="tts.first_byte", p95=200, users={"quick": 12})
async def test_synthesis(load, synthesizer):
    sound = await synthesizer.speak(text_of(AGENT[(load.user + load.iteration) % len(AGENT)]))
    load.check("something is said", len(sound) > 16_000)


@pytest.mark.load(users={"quick": 12}, iterations=2, targets={"tts.wer": {"mean_max": WER}})
async def test_synthesis_is_understood(load, synthesizer, recognizer):
    text = text_of(PATIENT[(load.user + load.iteration) % len(PATIENT)])
    sound = await synthesizer.speak(text)
    spoken = Clip("synthesised", text, sound, voiced_span(Clip("", None, sound, (0, 0)).samples))
    await recognizer.hear(spoken, wer="tts.wer")
