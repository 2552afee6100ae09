"""B4: Cosmos DB as the agent uses it: a conversation is persisted turn by turn, read back and queried."""

import pytest

WRITE_MS, READ_MS, QUERY_MS = 100, 75, 100
"""Ten milliseconds at the service, for one item in its own region; the rest is the way, and the client."""
NEWEST = "SELECT TOP 5 c.id, c.text FROM c WHERE c.speaker = @speaker ORDER BY c.number DESC"


def turn_of(load):
    """An item: one turn of a conversation."""
    name = f"{load.nodeid.rpartition('::')[2]}-{load.user}-{load.iteration}"
    return {"id": name, "number": load.iteration, "speaker": "patient", "text": "I have a sharp pain in my chest. " * 8}


def session_of(load, run_id):
    """The partition: one conversation of each user."""
    return f"{run_id}-{load.user}"


@pytest.mark.load(
    metric="cosmos.create",
    p95=WRITE_MS,
    targets={"cosmos.read": {"p95": READ_MS}, "cosmos.query": {"p95": QUERY_MS}, "cosmos.ru": {"mean_max": 20}},
)
async def test_conversation(load, cosmos, run_id):
    session, turn = session_of(load, run_id), turn_of(load)
    await cosmos.create(session, turn)
    found = await cosmos.read(session, turn["id"])
    assert found["text"] == turn["text"]
    newest = await cosmos.query(session, NEWEST, speaker="patient")
    assert newest[0]["id"] == turn["id"]


@pytest.mark.load(metric="cosmos.conflict", p95=WRITE_MS, iterations=10)
async def test_conflict(load, cosmos, run_id):
    session, turn = session_of(load, run_id), turn_of(load)
    first = await cosmos.create(session, turn)
    await cosmos.create(session, turn, metric="cosmos.conflict", expect=409)
    await cosmos.replace(session, turn, first["_etag"])
    await cosmos.replace(session, turn, first["_etag"], expect=412)


@pytest.mark.load(negative=True, iterations=10, think=0)
async def test_throttling(load, cosmos, run_id):
    turn = turn_of(load)
    await cosmos.patiently(lambda: cosmos.create(session_of(load, run_id), turn, throttling=True))
