"""A project's tests as its authors write them: what type checkers must infer from the public interface alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from random import Random
from typing import assert_type

import pytest

from pytest_rtmedload import (
    AgentUnderTest,
    Answer,
    BlockingLoadRun,
    BrowserCall,
    Clip,
    Command,
    Conductor,
    Dialect,
    Headers,
    HttpClient,
    Load,
    LoadConfig,
    LoadResult,
    LoadRun,
    Moment,
    NoAnswer,
    Phase,
    PhoneCall,
    Response,
    RunResult,
    Stage,
    Standing,
    TestResult,
    TimeoutException,
    Verdict,
    WebSocketClient,
    user_fixture,
)


@user_fixture
async def token(load: Load) -> AsyncIterator[str]:
    response = await load.http.post("/login", json={"name": f"user {load.user}"})
    assert_type(response, Response)
    response.raise_for_status()
    yield response.text


@user_fixture(scope="iteration", name="basket")
async def new_basket(load: Load, token: str) -> str:
    response = await load.http.get("/baskets", headers={"Authorization": token}, expect=(200, 404))
    assert_type(response.headers, Headers)
    return response.headers.get("location", "")


@pytest.mark.load(p95=150, p99=300)
async def test_handle(load: Load, token: str) -> None:
    assert_type(load.user, int)
    assert_type(load.iteration, int)
    assert_type(load.random, Random)
    assert_type(load.data, Mapping[str, str])
    assert_type(load.settings, LoadConfig)
    assert_type(load.nodeid, str)
    assert_type(load.dialect, Dialect)
    assert_type(load.http, HttpClient)
    with load.measure("checkout"):
        load.record("upload", 12.5)
    load.value("stt.wer", 0.1, "share")
    load.count("orders")
    assert_type(load.check("shorter than a line", len(token) < 80), bool)
    load.tag("scenario", "chest pain")
    await load.think(1, 3)
    try:
        await load.http.get("/health", timeout=1)
    except TimeoutException as error:
        assert_type(error.request.method, str)


@pytest.mark.load(users=2)
async def test_websocket(load: Load) -> None:
    async with load.ws("/ws/relay", name="relay") as ws:
        assert_type(ws, WebSocketClient)
        assert_type(await ws.ask("hello"), str | bytes)


@pytest.mark.load(metric="voice.loop", p95=700)
async def test_calls(load: Load, phone_call: PhoneCall, browser_call: BrowserCall, line: Clip) -> None:
    await phone_call.say(line)
    answer = await phone_call.heard()
    assert_type(answer, Answer)
    assert_type(answer.text, str)
    assert_type(answer.understood, str | None)
    assert_type(answer.samples, dict[str, float])
    await browser_call.send_text("hello")
    async with load.call("phone") as phone:
        assert_type(phone, PhoneCall)
        await phone.send_dtmf("1")
    async with load.call("browser") as browser:
        assert_type(browser, BrowserCall)
        with pytest.raises(NoAnswer):
            await browser.heard(timeout=0.5)


async def test_explicit(load_run: LoadRun) -> None:
    async def body(load: Load) -> None:
        await load.http.get("/health")

    result = await load_run(body, users=50, duration="20s")
    assert_type(result, LoadResult)
    assert_type(result.p(95), float)
    assert result.rate > 300


def test_explicit_and_plain(load_run: BlockingLoadRun, agent: AgentUnderTest) -> None:
    assert_type(agent.url, str)
    assert_type(load_run(test_handle, users=1), LoadResult)


class Lunch(Conductor):
    """A load profile of the project's own."""

    def phases(self) -> dict[Phase, tuple[float, float]]:
        return {Phase.MEASURE: (0.0, 10.0)}

    def commands(self) -> list[Command]:
        return [Command(0.0, "users", 5), Command(10.0, "end")]

    def arrivals(self, seed: int) -> Iterator[float]:
        return iter([seed * 0.0])

    def stages(self) -> list[Stage]:
        return []

    def steer(self, moment: Moment) -> list[Command]:
        standing = moment.standing(0.0, moment.elapsed)
        assert_type(standing, Standing)
        return [] if standing.met else [Command(moment.elapsed, "end")]


def failed(run: RunResult) -> list[str]:
    assert_type(run.tests, list[TestResult])
    return [test.nodeid for test in run.tests if test.verdict is Verdict.FAIL]
