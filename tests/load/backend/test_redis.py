"""B1: Redis as the agent uses it: the session of a call, the turns of a conversation, events between processes."""

import json

import pytest

from pytest_rtmedload.backends.redis_client import TTL_S

COMMAND_MS = 30
"""A round trip inside one region, with room for a busy server."""
TURNS = 50
"""Turns of a conversation that are kept."""


@pytest.mark.load(
    metric="redis.get",
    p95=COMMAND_MS,
    targets={"redis.set": {"p95": COMMAND_MS}, "redis.expire": {"p95": COMMAND_MS}},
)
async def test_session(load, redis):
    key = redis.key("session")
    session = json.dumps({"call_id": key, "patient": load.data["patient_id"], "history": "synthetic " * 20})
    async with redis.call("redis.set"):
        await redis.client.set(key, session, ex=TTL_S)
    async with redis.call("redis.get"):
        found = await redis.client.get(key)
    assert found == session
    async with redis.call("redis.expire"):
        assert await redis.client.expire(key, TTL_S)


@pytest.mark.load(
    metric="redis.append", p95=COMMAND_MS, targets={"redis.history": {"p95": COMMAND_MS}}, iterations=30, think=0.02
)
async def test_conversation(load, redis):
    key = redis.key("conversation")
    turn = json.dumps({"turn": load.iteration, "text": "I have a sharp pain in my chest."})
    async with redis.call("redis.append"), redis.client.pipeline(transaction=True) as pipeline:
        await pipeline.rpush(key, turn).ltrim(key, -TURNS, -1).expire(key, TTL_S).execute()
    async with redis.call("redis.history"):
        turns = await redis.client.lrange(key, 0, -1)
    assert turns[-1] == turn


@pytest.mark.load(metric="redis.publish", p95=COMMAND_MS, iterations=30, think=0.02)
async def test_events(load, redis):
    event = json.dumps({"type": "turn", "number": load.iteration})
    async with redis.client.pubsub(ignore_subscribe_messages=True) as subscription:
        async with redis.call("redis.subscribe"):
            await subscription.subscribe(redis.channel)
            await subscription.get_message(timeout=redis.deadline_s)
        async with redis.call("redis.publish"):
            await redis.client.publish(redis.channel, event)
            heard = None
            while heard is None:
                heard = await subscription.get_message(timeout=redis.deadline_s)
    assert heard["data"] == event
