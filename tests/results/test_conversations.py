"""Which calls serve as examples, whichever shard made them."""

import pickle
import random

from pytest_rtmedload.results.conversations import MOST, MOST_SLOW, Conversations, Conversed
from pytest_rtmedload.results.details import ConversationResult, ConversationTurn
from pytest_rtmedload.results.recording import Recording

TURN = ConversationTurn("pain", "It hurts.", "Where?", 1.0, 2.0, None, 3.0, 4.0, 1.5, "", interrupted=False)


def calls(loops_ms: list[float], seed: int = 1) -> list[Conversed]:
    source = random.Random(seed)
    return [
        Conversed(source.random(), loop, ConversationResult("", f"call {n}", "", 5.0, [TURN]))
        for n, loop in enumerate(loops_ms)
    ]


def kept(all_calls: list[Conversed]) -> Conversations:
    made = Conversations()
    for call in all_calls:
        if made.admits(call):
            made.add(call)
    return made


def test_the_typical_call_is_nearest_to_the_median_and_the_slow_one_the_slowest() -> None:
    typical, slow = kept(calls([300, 900, 410, 400, 350])).examples()
    assert (typical.kind, typical.call) == ("typical", "call 3")
    assert (slow.kind, slow.call) == ("slow", "call 1")


def test_a_single_call_is_typical_and_no_call_is_nothing() -> None:
    (only,) = kept(calls([400])).examples()
    assert only.kind == "typical"
    assert Conversations().examples() == []


def test_memory_is_bounded_and_the_slowest_are_never_lost() -> None:
    many = calls([400.0 + number % 7 for number in range(5 * MOST)])
    many[777] = many[777]._replace(draw=0.999, loop_ms=5_000.0)
    found = kept(many)
    assert (len(found.sample), len(found.slow)) == (MOST, MOST_SLOW)
    assert found.examples()[1].call == "call 777"


def test_the_sample_is_that_of_all_calls_however_they_were_shared_out() -> None:
    many = calls([float(number) for number in range(3 * MOST)])
    one, merged = kept(many), Conversations()
    for shard in range(3):
        merged.merge(kept(many[shard::3]))
    assert merged == one
    assert one.sample == sorted(many, key=lambda call: call.draw)[:MOST]


def test_they_travel_in_a_recording() -> None:
    recording = Recording(conversations=kept(calls([300, 400])))
    arrived: Recording = pickle.loads(pickle.dumps(recording))  # noqa: S301 - our own
    assert arrived.conversations == recording.conversations
