"""A3: `POST /api/call/inbound`, the Event Grid webhook."""

import pytest

from pytest_rtmedload.dialects import Operation, incoming_call_event, validation_event


@pytest.mark.load(metric="POST /api/call/inbound", p95=150, p99=300)
async def test_event_grid_handshake(load, dialect):
    code = f"{load.user}-{load.iteration}"
    response = await load.http.post(
        dialect.path_of(Operation.INBOUND), json=[validation_event(code)], name="POST /api/call/inbound"
    )
    assert response.status_code == 200
    assert response.json() == {"validationResponse": code}


@pytest.mark.load(metric="POST /api/call/inbound", p95=150)
async def test_incoming_call(load, dialect, number_to_call):
    caller = f"+1555010{load.user % 10000:04d}"
    response = await load.http.post(
        dialect.path_of(Operation.INBOUND),
        json=[incoming_call_event(caller, number_to_call)],
        name="POST /api/call/inbound",
    )
    assert response.status_code == 200
    assert response.json()["status"] == "call answered"
