"""What goes wrong on purpose, and what the service tells about itself."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING

import httpx2
import psutil
import pytest
from azure.cosmos.aio import CosmosClient
from azure.cosmos.exceptions import CosmosHttpResponseError

from pytest_rtmedload.embedded.cosmos.operations import Operation
from pytest_rtmedload.embedded.cosmos.settings import DEFAULT_DELAYS, CosmosSettings
from pytest_rtmedload.embedded.cosmos.truth import OperationTruth, read_truth
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from tests.embedded.cosmos.cosmos_client import RawCosmos

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pytest_rtmedload.embedded.services import Service

    Start = Callable[..., AbstractContextManager[Service]]


def truth_of(client: RawCosmos) -> dict[Operation, OperationTruth]:
    return read_truth(client.http.get("/_truth").json())


def test_a_budget_throttles_and_tells_when_to_come_back(cosmos_with: Start) -> None:
    with cosmos_with("cosmos.rus=20") as service, RawCosmos(service["url"], service["key"]) as client:
        client.put_item({"id": "1", "pk": "a"})
        client.http.post("/_truth/reset")
        responses = [client.send("GET", f"{client.docs}/1", pk="a") for _ in range(100)]
        throttled = [response for response in responses if response.status_code == 429]
        assert throttled
        assert throttled[0].headers["x-ms-substatus"] == "3200"
        assert throttled[0].json()["code"] == "TooManyRequests"
        assert 1 <= int(throttled[0].headers["x-ms-retry-after-ms"]) <= 100
        read = truth_of(client)[Operation.READ]
        assert read.throttled == read.statuses[429] == len(throttled)
        assert read.charge == read.statuses[200] == 100 - len(throttled)


def test_the_official_client_waits_as_long_as_it_is_told(cosmos_with: Start) -> None:
    async def use(service: Service) -> None:
        async with CosmosClient(service["url"], credential=service["key"]) as client:
            database = await client.create_database("d")
            from azure.cosmos import PartitionKey

            items = await database.create_container("c", PartitionKey("/pk"))
            for n in range(12):
                await items.create_item({"id": str(n), "pk": "a"})

    with cosmos_with("cosmos.rus=50") as service:
        asyncio.run(use(service))
        truth = read_truth(httpx2.get(f"{service['url']}/_truth", trust_env=False).json())
        assert truth[Operation.CREATE].statuses[201] == 12
        assert truth[Operation.CREATE].charge == 60


def test_the_official_client_with_a_wrong_key(cosmos: Service) -> None:
    async def use() -> None:
        async with CosmosClient(cosmos["url"], credential=base64.b64encode(b"wrong").decode()) as client:
            await client.create_database("d")

    with pytest.raises(CosmosHttpResponseError, match="the wrong key is being used") as caught:
        asyncio.run(use())
    assert caught.value.status_code == 401


def test_errors_and_cuts_hit_their_operation_only(cosmos_with: Start) -> None:
    with (
        cosmos_with("cosmos.error_rate.read=1", "cosmos.cut_rate.delete=1") as service,
        RawCosmos(service["url"], service["key"]) as client,
    ):
        client.put_item({"id": "1", "pk": "a"})
        response = client.send("GET", f"{client.docs}/1", pk="a")
        assert (response.status_code, response.json()["code"]) == (503, "ServiceUnavailable")
        assert "cosmos.error_rate" in response.json()["message"]
        with pytest.raises(httpx2.NetworkError):
            client.send("DELETE", f"{client.docs}/1", pk="a")
        truth = truth_of(client)
        assert truth[Operation.READ].statuses == {503: 1}
        assert truth[Operation.DELETE].cut == 1
        assert client.query("SELECT * FROM c").json()["_count"] == 0  # what was done before the cut stays done


def test_delays_are_kept_and_told(cosmos_with: Start) -> None:
    with cosmos_with("cosmos.delay.read=30ms", "cosmos.stall=300ms@0s") as service:
        begun = time.perf_counter()
        with RawCosmos(service["url"], service["key"]) as client:
            assert time.perf_counter() - begun >= 0.3
            client.put_item({"id": "1", "pk": "a"})
            client.http.post("/_truth/reset")
            time.sleep(0.001)
            client.send("GET", f"{client.docs}/1", pk="a")  # the stall begins anew
            begun = time.perf_counter()
            response = client.send("GET", f"{client.docs}/1", pk="a")
            took_ms = (time.perf_counter() - begun) * 1000
            told = dict(part.split(";dur=") for part in response.headers["server-timing"].split(", "))
            assert float(told["model"]) == 30
            assert 30 <= float(told["total"]) <= took_ms
            read = truth_of(client)[Operation.READ]
            assert [*read.times.drawn_us] == [30_000, 30_000]
            assert read.times.total_us[0] >= 330_000
            assert read.times.total_us[1] >= 30_000


def test_truth_counts_what_happened(cosmos_with: Start) -> None:
    with cosmos_with() as service, RawCosmos(service["url"], service["key"]) as client:
        for n in range(3):
            client.put_item({"id": str(n), "pk": "a"})
        client.send("GET", f"{client.docs}/1", pk="a")
        client.send("GET", f"{client.docs}/none", pk="a")
        client.query("SELECT * FROM c")
        truth = truth_of(client)
        assert truth[Operation.UPSERT].statuses == {201: 3}
        assert truth[Operation.UPSERT].charge == 15
        assert truth[Operation.READ].statuses == {200: 1, 404: 1}
        assert truth[Operation.READ].charge == 2
        assert truth[Operation.QUERY].times.count == 1
        assert truth[Operation.METADATA].statuses == {201: 2}
        assert client.http.post("/_truth/reset").json() == {"reset": True}
        assert truth_of(client)[Operation.UPSERT].charge == 0


def test_a_long_scan_lets_others_through_and_20000_items_stay_small(cosmos_with: Start) -> None:
    async def race(client: RawCosmos) -> list[str]:
        order: list[str] = []
        scan = {"query": "SELECT VALUE COUNT(1) FROM c WHERE CONTAINS(c.text, 'y')"}

        async def ask(name: str, method: str, path: str, **extra: object) -> None:
            date = "sun, 22 nov 2026 12:00:00 gmt"
            headers = {
                "authorization": client.signature(method, path, date),
                "x-ms-date": date,
                **extra.pop("headers", {}),
            }  # type: ignore[dict-item]
            response = await http.request(method, f"/{path}", headers=headers, **extra)  # type: ignore[arg-type]
            assert response.status_code == 200
            order.append(name)

        async with httpx2.AsyncClient(base_url=client.url, trust_env=False) as http:
            one = {"x-ms-documentdb-partitionkey": '["0"]'}
            every = {"x-ms-documentdb-isquery": "true", "x-ms-documentdb-query-enablecrosspartition": "true"}
            await ask("warm", "GET", f"{client.docs}/0-0", headers=one)
            running = asyncio.create_task(ask("scan", "POST", client.docs, json=scan, headers=every))
            await asyncio.sleep(0.01)
            await ask("read", "GET", f"{client.docs}/0-0", headers=one)
            await running
        return order

    with cosmos_with() as service, RawCosmos(service["url"], service["key"]) as client:
        for pk in range(200):
            made = [{"id": f"{pk}-{n}", "pk": str(pk), "text": "x" * 330} for n in range(100)]
            operations = [{"operationType": "Create", "resourceBody": item} for item in made]
            client.create(client.docs, operations, str(pk), x_ms_cosmos_is_batch_request="True")
        assert asyncio.run(race(client)) == ["warm", "read", "scan"]
        if psutil.LINUX:
            assert psutil.Process(service["pid"]).memory_info().rss < 100_000_000


@pytest.mark.parametrize("operation", Operation)
def test_the_p99_of_a_default_is_what_the_service_promises(operation: Operation) -> None:
    import random

    generator = random.Random(1)
    drawn = sorted(DEFAULT_DELAYS[operation].draw(generator) for _ in range(5000))
    assert drawn[4950] <= (20_000_000 if operation is Operation.QUERY else 10_000_000)


def test_settings_are_read_told_and_refused() -> None:
    settings = EmbeddedSettings.parse(["cosmos.delay=2ms", "cosmos.delay.query=9ms", "cosmos.rus=400"])
    model = settings.part(CosmosSettings).model
    assert "read fixed(2ms)" in model
    assert "query fixed(9ms)" in model
    assert "at most 400 RU/s a container" in model
    assert settings.faults == "cosmos.rus=400"
    for pair, message in {
        "cosmos.rus=0": "cosmos.rus: '0' is no whole number from 1",
        "cosmos.delay.scan=1ms": r"no embedded setting 'cosmos.delay.scan': .*OPERATION: read, create",
        "cosmos.error_rate=2": "cosmos.error_rate: '2' is no share",
    }.items():
        with pytest.raises(ValueError, match=message):
            EmbeddedSettings.parse([pair])
