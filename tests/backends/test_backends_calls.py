from __future__ import annotations

import asyncio

import pytest

from pytest_rtmedload.backends.errors import ServiceError, Throttled, throttled
from pytest_rtmedload.backends.requests import MOST_TRIES, Calls
from tests.backends.notebook import Notebook


class ClientError(Exception):
    """What a client raises."""


def explain(error: Exception) -> ServiceError | None:
    return ServiceError(f"explained {error}", status=409) if isinstance(error, ClientError) else None


def calls(timeout: float = 20.0) -> tuple[Calls, Notebook]:
    load = Notebook(timeout, secrets=("hunter22",))
    return Calls(load, "thing", explain), load


async def one(client: Calls, error: BaseException | None = None, **options: object) -> None:
    async with client.call("thing.do", **options):  # type: ignore[arg-type]
        if error is not None:
            raise error


def test_a_request_that_is_answered_is_one_sample() -> None:
    client, load = calls()
    asyncio.run(one(client))
    assert (load.outcomes("thing.do"), load.errors) == ({"ok": 1}, {})


def test_a_failure_is_one_sample_and_one_line_without_secrets() -> None:
    client, load = calls()
    with pytest.raises(ServiceError, match=r"^thing.do: explained key \*\*\*$") as caught:
        asyncio.run(one(client, ClientError("key hunter22")))
    assert caught.value.counted
    assert load.outcomes("thing.do") == {"failed": 1}
    assert load.errors == {"thing.do: explained key ***": 1}


def test_what_is_not_the_client_s_stays_what_it_is() -> None:
    client, load = calls()
    with pytest.raises(AssertionError, match="of the test"):
        asyncio.run(one(client, AssertionError("of the test")))
    assert (load.outcomes("thing.do"), load.errors) == ({"failed": 1}, {})


def test_silence_ends_at_our_own_deadline_and_is_censored() -> None:
    client, load = calls(timeout=0.1)

    async def wait() -> None:
        async with client.call("thing.do"):
            await asyncio.Event().wait()

    with pytest.raises(ServiceError, match=r"^thing\.do: no answer within 0\.05 s$") as caught:
        asyncio.run(wait())
    assert caught.value.censored
    assert load.outcomes("thing.do") == {"censored": 1}


def test_being_cut_off_is_censored() -> None:
    client, load = calls()

    async def cut() -> None:
        begun = asyncio.Event()

        async def request() -> None:
            async with client.call("thing.do"):
                begun.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(request())
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(cut())
    assert (load.outcomes("thing.do"), load.errors) == ({"censored": 1}, {})


def test_an_expected_refusal_is_right_and_its_absence_wrong() -> None:
    client, load = calls()
    asyncio.run(one(client, ClientError("conflict"), expect=409))
    with pytest.raises(ServiceError, match="was accepted, but HTTP 409 was expected"):
        asyncio.run(one(client, expect=409))
    with pytest.raises(ServiceError, match="explained"):
        asyncio.run(one(client, ClientError("other"), expect=412))
    assert load.outcomes("thing.do") == {"ok": 1, "failed": 2}


def test_being_throttled_is_an_error_unless_it_was_asked_for() -> None:
    client, load = calls()
    with pytest.raises(Throttled):
        asyncio.run(one(client, throttled("the quota", 2.0)))
    assert load.outcomes("thing.do") == {"failed": 1}
    with pytest.raises(Throttled):
        asyncio.run(one(client, throttled("the quota", 2.0), throttling=True))
    assert load.outcomes("thing.do") == {"failed": 1}
    assert load.outcomes("thing.throttled") == {"ok": 1}
    assert (load.counts, load.values["thing.retry_after"]) == ({"thing.throttled": 2}, [2.0, 2.0])
    assert load.errors == {"thing.do: throttled (429): the quota is reached": 1}


def test_patience_waits_as_long_as_it_is_told_to() -> None:
    client, load = calls()
    answers = iter([throttled("the quota", 0.001), throttled("the quota", 0.002), None])

    async def request() -> str:
        refused = next(answers)
        if refused is not None:
            raise refused
        return "served"

    assert asyncio.run(client.patiently(request)) == "served"
    assert load.thought == [0.001, 0.002]


def test_patience_ends() -> None:
    client, load = calls()

    async def request() -> None:
        raise throttled("the quota", 0.0001)

    with pytest.raises(Throttled):
        asyncio.run(client.patiently(request))
    assert len(load.thought) == MOST_TRIES - 1
