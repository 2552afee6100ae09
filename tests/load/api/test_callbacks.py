"""A4: `POST /call/callbacks`, the events of a call as CloudEvents."""

import pytest

from pytest_rtmedload.dialects import Operation, call_connected, call_disconnected, dtmf_tone, participants_updated


@pytest.mark.load(metric="POST /call/callbacks", p95=150, p99=300)
async def test_one_event(load, dialect, call_id):
    response = await load.http.post(
        dialect.path_of(Operation.CALLBACKS), json=[call_connected(call_id)], name="POST /call/callbacks"
    )
    assert response.status_code == 200


@pytest.mark.load(metric="POST /call/callbacks", p95=150, p99=300)
async def test_a_batch_of_events(load, dialect, call_id, number_to_call):
    events = [
        call_connected(call_id),
        participants_updated(call_id, [number_to_call]),
        dtmf_tone(call_id, "three"),
        call_disconnected(call_id),
    ]
    response = await load.http.post(dialect.path_of(Operation.CALLBACKS), json=events, name="POST /call/callbacks")
    assert response.status_code == 200
