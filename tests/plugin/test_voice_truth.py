"""What a caller hears against what the agent did: the embedded agent's own account of each turn is the known truth.

The agent's times come from its own sample positions and clock; the caller's from its pacer, its playback clock and its
onset detector. Nothing is shared but the recordings. The calls begin 200 ms apart, so that they are not in step, and
all twenty are up together.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.conftest import LoadRun

CALLS = 20
TOLERANCE_MS = 25
FILE = """
import json, pathlib, urllib.request
import pytest

@pytest.fixture
def account(agent):
    yield
    with urllib.request.urlopen(agent.url + "/_truth/calls") as answer:
        pathlib.Path("truth.json").write_bytes(answer.read())

@pytest.mark.load(rate=5, iterations={calls}, max_in_flight={calls}, metric="voice.loop", p95=5000, timeout=60)
async def test_calls(load, account, {fixture}):
    await {fixture}.say("chest_pain_1")
    await {fixture}.interrupt("interrupt_1")
    await {fixture}.heard()
    await {fixture}.say("hello")
    await {fixture}.heard()
"""


ATTEMPTS = 3


@pytest.mark.alone
@pytest.mark.parametrize("fixture", ["phone_call", "browser_call"])
def test_a_caller_hears_what_the_agent_did(load_run_of: LoadRun, fixture: str) -> None:
    """A machine with other things to do only ever adds to a difference: the best of three attempts counts."""
    load_run_of.file(test_it=FILE.format(calls=CALLS, fixture=fixture))
    differences: list[float] = []
    for _ in range(ATTEMPTS):
        differences = attempt(load_run_of, fixture)
        if max(differences) <= TOLERANCE_MS:
            break
    assert max(differences) <= TOLERANCE_MS
    examples_are_among_the_calls(load_run_of.result()["tests"][-1])


def examples_are_among_the_calls(test: dict[str, Any]) -> None:
    """The typical and the slow call tell what was measured of them."""
    typical, slow = test["conversations"]
    assert (typical["kind"], slow["kind"]) == ("typical", "slow")
    loops = [[turn["loop_ms"] for turn in call["turns"] if turn["loop_ms"] is not None] for call in (typical, slow)]
    assert np.median(loops[0]) <= np.median(loops[1])
    measured = test["metrics"]["voice.loop"]
    assert all(measured["min_ms"] - 1 <= loop <= measured["max_ms"] + 1 for call in loops for loop in call)
    assert [turn["utterance"] for turn in slow["turns"]] == ["", "chest_pain_1", "interrupt_1", "hello"]
    assert slow["turns"][1]["interrupted"]


def attempt(load_run_of: LoadRun, fixture: str) -> list[float]:
    """How far the caller's percentiles are from the agent's, in milliseconds."""
    sizes = ("--load-ramp=0", "--load-warmup=0", "--load-duration=60s", "--load-seed=1", "--load-evidence=point")
    load_run_of("-m", "load", sizes=sizes)
    metrics = load_run_of.result()["tests"][-1]["metrics"]
    turns = json.loads((load_run_of.pytester.path / "truth.json").read_bytes())["turns"]
    answers = [turn for turn in turns if turn["kind"] == "answer"]
    truths = {
        "voice.loop": [turn["onset_ns"] - turn["speech_end_ns"] for turn in answers],
        "voice.barge_in": [t["barge_in"]["stopped_ns"] - t["barge_in"]["begin_ns"] for t in answers if t["barge_in"]],
    }
    assert metrics["voice.loop"]["count"] == len(truths["voice.loop"]) == 3 * CALLS
    assert metrics["voice.barge_in"]["count"] == len(truths["voice.barge_in"]) == CALLS
    differences = []
    for metric, truth_ns in truths.items():
        for name, percentile in (("p50_ms", 50), ("p95_ms", 95)):
            truth = float(np.percentile(truth_ns, percentile, method="inverted_cdf")) / 1e6
            measured = metrics[metric][name]
            print(f"{fixture}: {metric} {name} measured {measured:.1f} ms, the agent's account {truth:.1f} ms")
            differences.append(abs(measured - truth))
    return differences
