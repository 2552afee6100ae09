"""What we measure against what the agent says it spent."""

from __future__ import annotations

from tests.conftest import LoadRun


def test_percentiles_agree_with_what_the_server_spent(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(users=50, duration="5s", think=0, metric="GET /health", p95=400)
        async def test_health(load):
            response = await load.http.get("/health")
            for entry in response.headers["server-timing"].split(","):
                name, _, duration = entry.strip().partition(";dur=")
                if name == "total":
                    load.record("truth", float(duration))
        """
    )
