from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from pytest_rtmedload.dialects import Operation
from pytest_rtmedload.embedded.latency import LatencyModel, RequestFault
from pytest_rtmedload.embedded.launcher import EmbeddedAgent, EmbeddedAgentError
from pytest_rtmedload.embedded.settings import EmbeddedSettings


def test_errors_and_cuts_hit_the_requests_the_seed_says() -> None:
    settings = EmbeddedSettings.parse(["http.delay=0ms", "http.error_rate=0.3", "http.cut_rate=0.2"], seed=5)
    model = LatencyModel(settings)
    expected = [model.plan(Operation.HEALTH, 0).fault for _ in range(40)]
    seen: list[RequestFault | None] = []
    with EmbeddedAgent.start(settings) as agent, httpx2.Client(base_url=agent.url, trust_env=False) as client:
        for _ in expected:
            try:
                response = client.get("/health")
            except httpx2.TransportError:
                seen.append(RequestFault.CUT)
                continue
            seen.append(None if response.status_code == 200 else RequestFault.ERROR)
            if seen[-1]:
                assert (response.status_code, list(response.json())) == (503, ["detail"])
        truth = agent.truth()[Operation.HEALTH]
        assert seen == expected
        assert (truth.cut, truth.statuses[503]) == (seen.count(RequestFault.CUT), seen.count(RequestFault.ERROR))
        assert agent.details["faults"] == "http.error_rate=0.3 http.cut_rate=0.2"


def test_requests_wait_for_the_end_of_a_pause_and_the_agent_dies_when_told() -> None:
    pairs = ["http.delay=1ms", "slow_start=300ms", "die_after=4"]
    with EmbeddedAgent.start(EmbeddedSettings.parse(pairs)) as agent:
        with ThreadPoolExecutor(3) as pool, httpx2.Client(base_url=agent.url, trust_env=False) as client:
            assert [r.status_code for r in pool.map(client.get, ["/health"] * 3)] == [200] * 3
            waited = agent.truth()[Operation.HEALTH].total_us
            assert max(waited) >= 300_000  # the first request begins the pause
            assert client.get("/health").headers["server-timing"].startswith("model;dur=1.000, total;dur=")
            with pytest.raises(httpx2.TransportError):
                client.get("/health")
        assert agent.wait_for_death(10) == "the embedded agent died with status -9"
        with pytest.raises(EmbeddedAgentError, match="died with status -9"):
            agent.truth()
