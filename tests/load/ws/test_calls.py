"""Calls, measured from the audio the caller hears."""

import pytest

QUICK = {"users": {"quick": 36}, "iterations": {"quick": 1}, "ramp": {"quick": 3}}
"""One call for each of 36 callers, who do not speak in step. P95 needs 20 calls, and some 100 turns: they are alike."""


@pytest.mark.load(metric="voice.loop", p95=700, targets={"voice.barge_in": {"p95": 500}}, timeout="60s", **QUICK)
async def test_phone_call_with_an_interruption(load, phone_call):
    await phone_call.say("chest_pain_1")
    for utterance in ("interrupt_1", "interrupt_2", "interrupt_1"):
        await phone_call.interrupt(utterance)
    answer = await phone_call.heard()
    load.check("something was said", answer.duration > 0.2)


@pytest.mark.load(metric="voice.loop", p95=700, timeout="60s", **QUICK)
async def test_browser_conversation(load, browser_call):
    for line in ("hello", "medication_side_effects_1", "lab_results_1"):
        await browser_call.say(line)
        answer = await browser_call.heard()
        load.check("something was said", answer.duration > 0.2)
