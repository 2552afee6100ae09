"""Each client against its embedded service: what is measured is what the service did, faults included."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from pytest_rtmedload.backends import cosmos_client, llm_client, redis_client
from pytest_rtmedload.backends.errors import ServiceError
from pytest_rtmedload.backends.llm_replies import Reply
from pytest_rtmedload.backends.readiness import NotReady, Readiness
from pytest_rtmedload.embedded.llm.ground_truth import LlmTruth
from pytest_rtmedload.spec.endpoints import DEFAULT, Endpoint
from tests.backends.notebook import Notebook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.backends.conftest import Start

STREAMS = 60
FAULTS = {
    "error": "llm.stream: HTTP 500: The server had an error while processing your request",
    "unavailable": "llm.stream: HTTP 503: The engine is currently overloaded",
    "cut": "the connection",  # a reset may take the tokens before it along
    "unfinished": "llm.stream: the stream ended without finish_reason",
    "malformed": "llm.stream: the answer is not valid JSON",
    "hang": "llm.stream: no answer within 2 s",
}
"""Fault → how the client tells it."""


def truth(endpoint: Endpoint) -> Any:
    with urlopen(f"{endpoint.url}/_truth") as answer:  # noqa: S310 - our own service
        return json.load(answer)


@pytest.mark.timing
def test_every_fault_of_the_language_model_is_told_as_what_it_is(embedded: Start) -> None:
    load = Notebook(timeout=4)
    at_a_time = asyncio.Semaphore(20)  # the client needs most of a core for more

    async def stream(client: llm_client.LlmUser) -> None:
        with suppress(ServiceError):
            async with at_a_time:
                await client.stream("I have a sharp pain in my chest.")

    async def drive(endpoint: Endpoint) -> None:
        async with llm_client.client_of(endpoint, 5) as client:
            user = llm_client.LlmUser(load, client, "gpt-4o")
            await asyncio.gather(*(stream(user) for _ in range(STREAMS)))

    rates = [f"llm.{name}_rate=0.1" for name in FAULTS]
    with embedded("llm", "llm.ttft=5ms", "llm.inter_token=5ms", "llm.tokens=8", *rates) as endpoint:
        asyncio.run(drive(endpoint))
        known = LlmTruth.from_json(truth(endpoint)).faults
    told = {name: sum(n for text, n in load.errors.items() if sign in text) for name, sign in FAULTS.items()}
    assert told == {name: known[name] for name in FAULTS}
    assert all(told.values())
    assert sum(load.outcomes("llm.ttft").values()) == sum(load.outcomes("llm.stream").values()) == STREAMS
    assert load.outcomes("llm.stream")["ok"] == STREAMS - known.total()
    assert load.outcomes("llm.inter_token")["censored"] == known["hang"]
    assert len(load.values["llm.tokens_per_s"]) == STREAMS - known.total()


def test_the_time_to_the_first_token_is_the_service_s(embedded: Start) -> None:
    load = Notebook()

    async def drive(endpoint: Endpoint) -> Reply:
        async with llm_client.llm_user(load, endpoint) as client:
            return await client.stream("Hello")

    with embedded("llm", "llm.ttft=150ms", "llm.inter_token=20ms", "llm.tokens=6") as endpoint:
        reply = asyncio.run(drive(endpoint))
    ((_, ttft),) = load.samples["llm.ttft"]
    assert 150 <= ttft < 1000
    assert len(load.samples["llm.inter_token"]) == len(reply.pieces_ns) - 1 == 5
    assert load.values["llm.tokens_per_s"] == [reply.tokens_per_s]
    assert (reply.tokens_per_s or 0) > 5


@pytest.mark.slow
def test_what_cosmos_tries_again_on_its_own_is_counted(embedded: Start) -> None:
    load = Notebook()
    existing: list[int] = []
    rates = ("cosmos.error_rate.read=0.15", "cosmos.cut_rate.create=0.2", "cosmos.delay=1ms")

    async def use(client: cosmos_client.CosmosUser, number: int) -> None:
        item = {"id": str(number)}
        with suppress(ServiceError):
            await client.patiently(lambda: client.create("session", item, throttling=True))
            await client.read("session", item["id"])

    async def drive(endpoint: Endpoint) -> None:
        place = await cosmos_client.prepare(endpoint, "run", 5)
        async with cosmos_client.cosmos_user(load, endpoint, place) as client:
            for number in range(20):
                await use(client, number)
            existing.extend(await client.query("session", "SELECT VALUE COUNT(1) FROM c"))
        async with cosmos_client.cosmos_user(Notebook(), endpoint, place) as client:
            existing.extend(await client.query("session", "SELECT VALUE COUNT(1) FROM c"))
        await cosmos_client.remove(endpoint, place, 5)

    with embedded("cosmos", *rates) as endpoint:
        asyncio.run(drive(endpoint))
        operations = truth(endpoint)["operations"]
    measured = sum(len(load.samples[name]) for name in ("cosmos.create", "cosmos.read", "cosmos.throttled"))
    sent = sum(sum(operations[name]["statuses"].values()) + operations[name]["cut"] for name in ("create", "read"))
    assert sent - measured == load.counts["cosmos.hidden_retries"] > 0
    written = load.counts["cosmos.items created"]
    assert load.counts["cosmos.items removed"] == written > 0
    assert existing == [written, 0]  # also what was written although the connection broke before the answer
    assert load.errors["cosmos.create: the connection was reset"] > 0


def test_conflicts_in_cosmos_are_right_where_they_are_expected(embedded: Start) -> None:
    load = Notebook()

    async def drive(endpoint: Endpoint) -> None:
        place = await cosmos_client.prepare(endpoint, "run", 5)
        async with cosmos_client.cosmos_user(load, endpoint, place) as client:
            first = await client.create("session", {"id": "1"})
            await client.create("session", {"id": "1"}, metric="cosmos.conflict", expect=409)
            await client.replace("session", {"id": "1", "text": "new"}, first["_etag"])
            await client.replace("session", {"id": "1"}, first["_etag"], expect=412)

    with embedded("cosmos") as endpoint:
        asyncio.run(drive(endpoint))
    assert load.outcomes("cosmos.conflict") == {"ok": 2}
    assert load.errors == {}
    assert load.values["cosmos.ru"][0] > 1


def test_redis_keys_end_by_themselves_and_are_removed(embedded: Start) -> None:
    load = Notebook()
    seen: list[Any] = []

    async def drive(endpoint: Endpoint) -> None:
        told = asyncio.Event()
        load.on_value = lambda name: told.set() if name in redis_client.INFO else None
        async with redis_client.redis_user(load, endpoint, "run") as client, redis_client.watched(client):
            async with client.call("redis.set"):
                await client.client.set(client.key("session"), "x", ex=redis_client.TTL_S)
            seen.extend(await client.client.keys("*"))
            await told.wait()
        after = redis_client.client_of(endpoint, 5)
        seen.append(await after.dbsize())
        await after.aclose()

    with embedded("redis") as endpoint:
        asyncio.run(drive(endpoint))
    assert seen == ["rtmedload:run:session:0:0", 0]
    assert load.counts == {"redis.keys created": 1, "redis.keys removed": 1}
    assert load.values["redis.clients"][0] >= 1


NOWHERE = "127.0.0.1:9"
WRONG_KEY = "d3Jvbmc="


@pytest.mark.parametrize(
    ("endpoint", "ask"),
    [
        (Endpoint("redis", f"redis://:{WRONG_KEY}@{NOWHERE}", "REDIS_URL"), redis_client.ask),
        (Endpoint("llm", f"http://{NOWHERE}", "OPENAI_ENDPOINT", WRONG_KEY, options={"model": "m"}), llm_client.ask),
        (
            Endpoint("cosmos", f"http://{NOWHERE}", "COSMOS_ENDPOINT", WRONG_KEY),
            lambda endpoint, seconds: cosmos_client.prepare(endpoint, "run", seconds),
        ),
    ],
    ids=["redis", "llm", "cosmos"],
)
def test_a_service_that_is_down_is_one_line_told_once(
    endpoint: Endpoint, ask: Callable[[Endpoint, float], Awaitable[Any]]
) -> None:
    readiness = Readiness()
    for broken in (True, False):
        with pytest.raises(NotReady, match="cannot be tested: connection refused: nothing listens there") as caught:
            readiness.ask(endpoint, ask)
        assert caught.value.broken is broken
        assert WRONG_KEY not in str(caught.value)
        assert endpoint.source in str(caught.value)


def test_a_redis_that_nobody_named_is_no_failure() -> None:
    guessed = Endpoint("redis", f"redis://{NOWHERE}", DEFAULT)
    with pytest.raises(
        NotReady, match=r"^no endpoint of the agent's redis is configured, and the redis at .* connection refused"
    ) as caught:
        Readiness().ask(guessed, redis_client.ask)
    assert not caught.value.broken


def test_the_access_key_of_redis_is_its_password() -> None:
    endpoint = Endpoint("redis", "redis://cache:6379", "REDIS_HOST", WRONG_KEY)
    client = redis_client.client_of(endpoint, 5)
    assert client.connection_pool.connection_kwargs["password"] == WRONG_KEY
    in_the_url = Endpoint("redis", "redis://:other@cache:6379", "REDIS_URL", WRONG_KEY)
    assert redis_client.client_of(in_the_url, 5).connection_pool.connection_kwargs["password"] == "other"  # noqa: S105


def test_a_wrong_key_is_told(embedded: Start) -> None:
    with embedded("llm") as endpoint:
        wrong = Endpoint("llm", endpoint.url, "AZURE_OPENAI_ENDPOINT", WRONG_KEY, options={"model": "gpt-4o"})
        with pytest.raises(NotReady, match="HTTP 401: the key or token was refused; check that AZURE_OPENAI_API_KEY"):
            Readiness().ask(wrong, llm_client.ask)
        token = Endpoint("llm", endpoint.url, "AZURE_OPENAI_ENDPOINT", token=endpoint.key, options={"model": "gpt-4o"})
        Readiness().ask(token, llm_client.ask)
        v1 = Endpoint("llm", f"{endpoint.url}/openai/v1", "OPENAI_BASE_URL", endpoint.key, options={"model": "gpt-4o"})
        Readiness().ask(v1, llm_client.ask)
        nameless = Endpoint("llm", endpoint.url, "OPENAI_ENDPOINT", endpoint.key)
        with pytest.raises(
            NotReady,
            match="no model is configured beside OPENAI_ENDPOINT: set AZURE_OPENAI_DEPLOYMENT, or OPENAI_MODEL",
        ):
            Readiness().ask(nameless, llm_client.ask)


def test_a_key_that_cannot_be_one_is_told_without_it() -> None:
    endpoint = Endpoint("cosmos", f"http://{NOWHERE}", "COSMOS_ENDPOINT", "ThisIsNoBase6")
    with pytest.raises(NotReady, match="the key is not a Cosmos DB key") as caught:
        Readiness().ask(endpoint, lambda endpoint, seconds: cosmos_client.prepare(endpoint, "run", seconds))
    assert "ThisIsNoBase6" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_service_that_refuses_now_and_then_is_tested() -> None:
    answers = iter([ServiceError("HTTP 503", status=503), ServiceError("HTTP 429", status=429), None])

    async def ask(_endpoint: Endpoint, _seconds: float) -> str:
        error = next(answers)
        if error is not None:
            raise error
        return "found"

    readiness = Readiness()
    endpoint = Endpoint("llm", "http://host", "OPENAI_ENDPOINT")
    assert readiness.ask(endpoint, ask).found == "found"
    assert readiness.ask(endpoint, ask).found == "found"
