"""A2 and A5: starting a call, and reading what was measured during it."""

import pytest

from pytest_rtmedload.dialects import Operation


@pytest.mark.load(metric="POST /api/call", p95=150)
async def test_start_call(load, dialect, number_to_call):
    response = await load.http.post(
        dialect.path_of(Operation.START_CALL),
        json=dialect.start_call_body(number_to_call, scenario="follow_up"),
        name="POST /api/call",
    )
    assert response.status_code in (200, 201)
    assert dialect.call_id_of(response.json())


@pytest.mark.load(metric="GET /api/call/{id}/metrics", p95=150, p99=300)
async def test_call_metrics(load, dialect, call_id):
    response = await load.http.get(
        dialect.path_of(Operation.CALL_METRICS, call_id),
        name="GET /api/call/{id}/metrics",
        expect=dialect.new_call_metrics,
    )
    assert response.json()


@pytest.mark.load(metric="GET /api/call/{id}/metrics", p95=150, negative=True, iterations=8)
async def test_metrics_of_an_unknown_call(load, dialect):
    unknown = f"unknown-{load.user}-{load.iteration}"
    response = await load.http.get(
        dialect.path_of(Operation.CALL_METRICS, unknown),
        name="GET /api/call/{id}/metrics",
        expect=dialect.metrics_unknown_call.status,
    )
    assert response.json()
