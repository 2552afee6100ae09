from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from pytest_rtmedload.dialects import Operation
from pytest_rtmedload.embedded.latency import LatencyModel

if TYPE_CHECKING:
    import httpx2

    from pytest_rtmedload.dialects import Dialect
    from pytest_rtmedload.embedded.launcher import EmbeddedAgent
    from pytest_rtmedload.embedded.settings import EmbeddedSettings

REQUESTS = 40


def timing_of(response: httpx2.Response) -> tuple[float, float]:
    match = re.fullmatch(r"model;dur=(\d+\.\d{3}), total;dur=(\d+\.\d{3})", response.headers["server-timing"])
    assert match is not None
    return float(match[1]), float(match[2])


def test_the_agent_tells_the_truth(
    client: httpx2.Client, dialect: Dialect, embedded: EmbeddedAgent, settings: EmbeddedSettings
) -> None:
    embedded.reset_truth()
    path = dialect.path_of(Operation.HEALTH)
    told, measured = [], []
    for _ in range(REQUESTS):
        begin = time.perf_counter_ns()
        told.append(timing_of(client.get(path)))
        measured.append((time.perf_counter_ns() - begin) / 1e6)
    truth = embedded.truth()[Operation.HEALTH]
    assert (truth.count, truth.statuses) == (REQUESTS, {200: REQUESTS})
    # the header rounds what the list truncates
    assert all(abs(us / 1000 - total) <= 0.0011 for us, (_, total) in zip(truth.total_us, told, strict=True))
    assert all(drawn <= total + 0.001 for drawn, total in told), "an answer left early"
    assert all(total <= seen for (_, total), seen in zip(told, measured, strict=True)), (
        "the client saw less than the truth"
    )
    embedded.reset_truth()
    assert embedded.truth()[Operation.HEALTH].count == 0


def test_the_seed_decides_the_delays(client: httpx2.Client, dialect: Dialect, settings: EmbeddedSettings) -> None:
    path = dialect.path_of(Operation.INBOUND)
    told = [timing_of(client.post(path, json=[]))[0] for _ in range(10)]
    model = LatencyModel(settings)
    draws = [round(model.plan(Operation.INBOUND, 0).drawn / 1e6, 3) for _ in range(500)]
    begin = draws.index(told[0])  # earlier tests have drawn before
    assert draws[begin : begin + 10] == told


def test_the_report_learns_what_it_talks_to(embedded: EmbeddedAgent) -> None:
    assert embedded.details["seed"] == "7"
    assert embedded.details["faults"] == "none"
    assert "health lognormal(2ms, 0.5)" in embedded.details["latency model"]
    assert re.fullmatch(r"(Valkey|Redis) \d+\.\d+\.\d+ \(.+\)", embedded.details["session store"])
    assert embedded.alive() is None
