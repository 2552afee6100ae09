"""B2: the language model: whole replies, streamed replies, and what it does when its quota is reached."""

import pytest

from pytest_rtmedload.audio import names, text_of
from pytest_rtmedload.backends.llm_replies import SHORTEST_REPLY

LINES = [text_of(name) for name in names("patient")]
"""What patients say."""
REPLY_MS = 3000
"""A whole short reply: nobody waits for the end of a streamed one."""


def said_by(load):
    """What this user's patient says in the present iteration."""
    return LINES[(load.user + load.iteration) % len(LINES)]


@pytest.mark.load(metric="llm.completion", p95=REPLY_MS, users={"quick": 20})
async def test_completion(load, llm):
    reply = await llm.complete(said_by(load))
    load.check("a reply that ends", reply.finished in ("stop", "length"))


@pytest.mark.load(
    metric="llm.ttft",
    p95=600,
    targets={"llm.inter_token": {"p95": 100}, "llm.tokens_per_s": {"mean_min": 10}},
    users={"quick": 20},
)
async def test_streaming(load, llm):
    reply = await llm.stream(said_by(load))
    load.check("a reply that ends", reply.finished in ("stop", "length"))


@pytest.mark.load(negative=True, iterations=8, think=0)
async def test_rate_limit(load, llm):
    def ask():
        return llm.complete(said_by(load), longest=SHORTEST_REPLY, throttling=True, needs_text=False)

    reply = await llm.patiently(ask)
    assert reply.finished
