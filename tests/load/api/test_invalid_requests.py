"""A1–A5 with what must be refused: a healthy agent says no quickly, with the right status, and goes on."""

import pytest


@pytest.mark.load(metric="refused request", p95=150, negative=True, iterations=8)
async def test_invalid_requests(load, dialect):
    cases = dialect.invalid_requests()
    case = cases[(load.user + load.iteration) % len(cases)]
    response = await load.http.request(
        case.method,
        case.path,
        content=case.content,
        headers={"content-type": "application/json"},
        name="refused request",
        expect=case.status,
    )
    assert response.status_code == case.status, case.name
