from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.dialects import (
    DIALECTS,
    Operation,
    Replies,
    call_connected,
    call_disconnected,
    dtmf_tone,
    incoming_call_event,
    participants_updated,
    validation_event,
)

if TYPE_CHECKING:
    import httpx2
    import redis

    from pytest_rtmedload.dialects import Dialect

CALLER = "+15550100000"
CASES = sorted({case.name for dialect in DIALECTS.values() for case in dialect.invalid_requests()})


def ask(client: httpx2.Client, dialect: Dialect, operation: Operation, body: object = None, call: str = "") -> Any:
    path = dialect.path_of(operation, call)
    response = (
        client.request(operation.method, path, json=body)
        if body is not None
        else client.request(operation.method, path)
    )
    assert response.headers["server"] == "rtmedload-embedded-agent"
    assert response.status_code == 200, response.text
    return response.json()


def start(client: httpx2.Client, dialect: Dialect) -> str:
    return dialect.call_id_of(
        ask(client, dialect, Operation.START_CALL, dialect.start_call_body(CALLER, scenario="chest_pain"))
    )


def test_health(client: httpx2.Client, dialect: Dialect) -> None:
    body = ask(client, dialect, Operation.HEALTH)
    assert body["status"] == "healthy"
    assert ("active_sessions" in body) == (dialect.replies is Replies.V1)


def test_a_started_call_is_a_session_in_valkey(client: httpx2.Client, dialect: Dialect, stored: redis.Redis) -> None:
    reply = ask(client, dialect, Operation.START_CALL, dialect.start_call_body(CALLER, scenario="chest_pain"))
    assert all(reply[field] == dialect.call_id_of(reply) for field in dialect.call_id_fields)
    session_id = stored.get(f"call_session_map:{dialect.call_id_of(reply)}")
    session: Any = stored.hgetall(f"session:{session_id}")
    assert session["status"] == "initiating"
    assert "chest_pain" in session["corememory"]
    assert 0 < int(stored.ttl(f"session:{session_id}")) <= 600  # type: ignore[arg-type]


def test_callbacks_move_the_call_and_metrics_tell(client: httpx2.Client, dialect: Dialect) -> None:
    call = start(client, dialect)
    fresh = ask(client, dialect, Operation.CALL_METRICS, call=call)
    assert (fresh["call_connection_id"], fresh["status"], fresh["turn_count"]) == (call, "initiating", 0)
    batch = [
        call_connected(call),
        participants_updated(call, [CALLER]),
        dtmf_tone(call, "five"),
        dtmf_tone(call, "pound"),
    ]
    reply = ask(client, dialect, Operation.CALLBACKS, batch)
    if dialect.replies is Replies.V1:
        assert (reply["processed_events"], reply["call_connection_id"]) == (4, call)
    else:
        assert reply == {"status": "callback received"}
    running = ask(client, dialect, Operation.CALL_METRICS, call=call)
    assert (running["status"], running["dtmf"], running["event_count"]) == ("connected", "5#", 4)
    ask(client, dialect, Operation.CALLBACKS, [call_disconnected(call)])
    over = ask(client, dialect, Operation.CALL_METRICS, call=call)
    assert over["status"] == "completed"
    assert over["session_duration_ms"] > 0
    assert ask(client, dialect, Operation.CALL_METRICS, call=over["session_id"])["call_connection_id"] == call


def test_one_batch_may_be_about_several_calls(client: httpx2.Client, dialect: Dialect) -> None:
    calls = [start(client, dialect) for _ in range(3)]
    ask(client, dialect, Operation.CALLBACKS, [call_connected(call) for call in [*calls, "nobody's"]])
    for call in calls:
        assert ask(client, dialect, Operation.CALL_METRICS, call=call)["status"] == "connected"


def test_event_grid_handshake(client: httpx2.Client, dialect: Dialect) -> None:
    assert ask(client, dialect, Operation.INBOUND, [validation_event("ABC")]) == {"validationResponse": "ABC"}


def test_an_incoming_call_is_answered_and_known(client: httpx2.Client, dialect: Dialect) -> None:
    reply = ask(client, dialect, Operation.INBOUND, [incoming_call_event(CALLER, "+15550100001")])
    assert reply["status"] == "call answered"
    metrics = ask(client, dialect, Operation.CALL_METRICS, call=dialect.call_id_of(reply))
    assert metrics["status"] == "initiating"


@pytest.mark.parametrize("events", [[], [{"eventType": "Something.Else"}], [1, None]])
def test_other_events_do_nothing(client: httpx2.Client, dialect: Dialect, events: list[object]) -> None:
    assert ask(client, dialect, Operation.INBOUND, events) == dialect.inbound_other.body


def test_a_lenient_version_takes_a_bare_object(client: httpx2.Client, dialect: Dialect) -> None:
    if dialect.callbacks_malformed is not None:
        pytest.skip("this version is strict")
    assert ask(client, dialect, Operation.CALLBACKS, {"type": "x"})["processed_events"] == 1


@pytest.mark.parametrize("name", CASES)
def test_invalid_requests_are_refused_as_the_dialect_says(client: httpx2.Client, dialect: Dialect, name: str) -> None:
    case = next((case for case in dialect.invalid_requests() if case.name == name), None)
    if case is None:
        pytest.skip("this version accepts it")
    headers = {"content-type": "application/json"}
    response = client.request(case.method, case.path, content=case.content, headers=headers)
    assert response.status_code == case.status, response.text
    assert json.loads(response.content).keys() <= {"detail", "error"}


def test_a_validation_error_is_fastapis(client: httpx2.Client, dialect: Dialect) -> None:
    path = dialect.path_of(Operation.START_CALL)
    [missing] = client.post(path, json={"caller_number": CALLER}).json()["detail"]
    assert (missing["type"], missing["loc"], missing["msg"]) == ("missing", ["body", "target_number"], "Field required")
    [wrong] = client.post(path, json={"target_number": 5}).json()["detail"]
    assert (wrong["type"], wrong["input"]) == ("string_type", 5)
    [broken] = client.post(path, content=b'{"target_number"').json()["detail"]
    assert (broken["type"], broken["loc"][0]) == ("json_invalid", "body")


def test_what_is_nowhere_is_not_found(client: httpx2.Client, dialect: Dialect) -> None:
    response = client.get("/nowhere")
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})
    wrong = client.delete(dialect.path_of(Operation.START_CALL))
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def test_a_large_body_that_comes_in_pieces_is_read_whole(client: httpx2.Client, dialect: Dialect) -> None:
    call = start(client, dialect)
    batch = [participants_updated(call, [CALLER] * 50) for _ in range(40)]
    ask(client, dialect, Operation.CALLBACKS, batch)
    assert ask(client, dialect, Operation.CALL_METRICS, call=call)["event_count"] == 40
