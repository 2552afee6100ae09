"""A1: `GET /health`."""

import pytest

from pytest_rtmedload.dialects import Operation


@pytest.mark.load(metric="GET /health", p95=150, p99=300)
async def test_health(load, dialect):
    response = await load.http.get(dialect.path_of(Operation.HEALTH), name="GET /health")
    assert response.status_code == 200
    assert response.json()
