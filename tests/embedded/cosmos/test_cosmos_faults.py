"""What goes wrong on purpose, and what the service tells about itself."""

from __future__ import annotations

import asyncio
import base64
import random
import time
from typing import TYPE_CHECKING

import httpx2
import psutil
import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient
from azure.cosmos.exceptions import CosmosHttpResponseError

from pytest_rtmedload.embedded.cosmos.ground_truth import CosmosOperationTruth, read_truth
from pytest_rtmedload.embedded.cosmos.operations import CosmosOperation
from pytest_rtmedload.embedded.cosmos.settings import DEFAULT_DELAYS, CosmosSettings
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from tests.embedded.cosmos.cosmos_client import RawCosmos

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pytest_rtmedload.embedded.services import Service

    Start = Callable[..., AbstractContextManager[Service]]


MOST_MEMORY = 2000
"""Bytes that an item of about 500 bytes may take, so that 20,000 fit into 40 MB."""


def truth_of(client: RawCosmos) -> dict[CosmosOperation, CosmosOperationTruth]:
    return read_truth(client.http.get("/_truth").json())


async def write_with_the_official_client(service: Service, count: int) -> None:
    async with CosmosClient(service["url"], credential=service["key"]) as client:
        database = await client.create_database("d")
        items = await database.create_container("c", PartitionKey("/pk"))
        for n in range(count):
            await items.create_item({"id": str(n), "pk": "a"})


def test_a_budget_throttles_and_tells_when_to_come_back(cosmos_with: Start) -> None:
    with cosmos_with("cosmos.rus=100") as service, RawCosmos(service["url"], service["key"]) as client:
        items = [{"id": str(n), "pk": "a"} for n in range(60)]
        responses = [client.send("POST", client.docs, item, "a") for item in items]
        throttled = [response for response in responses if response.status_code == 429]
        assert throttled
        assert throttled[0].headers["x-ms-substatus"] == "3200"
        assert throttled[0].json()["code"] == "TooManyRequests"
        assert 1 <= int(throttled[0].headers["x-ms-retry-after-ms"]) <= 51
        create = truth_of(client)[CosmosOperation.CREATE]
        assert create.throttled == create.statuses[429] == len(throttled)
        assert create.charge == 5 * create.statuses[201] == 5 * (60 - len(throttled))
        client.http.post("/_truth/reset")
        asyncio.run(write_with_the_official_client(service, 22))  # it comes back when it is told to
        create = truth_of(client)[CosmosOperation.CREATE]
        assert (create.statuses[201], create.charge) == (22, 110)


def test_the_official_client_with_a_wrong_key(cosmos: Service) -> None:
    async def use() -> None:
        client = CosmosClient(cosmos["url"], credential=base64.b64encode(b"wrong").decode())
        try:
            await client.create_database("d")
        finally:
            await client.close()

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
        assert truth[CosmosOperation.READ].statuses == {503: 1}
        assert truth[CosmosOperation.DELETE].cut == 1
        assert client.query("SELECT * FROM c").json()["_count"] == 0  # what was done before the cut stays done


def test_delays_are_kept_and_told(cosmos_with: Start) -> None:
    with cosmos_with("cosmos.delay.read=30ms", "cosmos.stall=150ms@0s") as service:
        begun = time.perf_counter()
        with RawCosmos(service["url"], service["key"]) as client:
            assert time.perf_counter() - begun >= 0.15
            client.put_item({"id": "1", "pk": "a"})
            client.http.post("/_truth/reset")
            client.send("GET", f"{client.docs}/1", pk="a")  # the stall begins anew
            begun = time.perf_counter()
            response = client.send("GET", f"{client.docs}/1", pk="a")
            took_ms = (time.perf_counter() - begun) * 1000
            told = dict(part.split(";dur=") for part in response.headers["server-timing"].split(", "))
            assert float(told["model"]) == 30
            assert 30 <= float(told["total"]) <= took_ms
            read = truth_of(client)[CosmosOperation.READ]
            assert [*read.times.drawn_us] == [30_000, 30_000]
            assert read.times.total_us[0] >= 180_000
            assert read.times.total_us[1] >= 30_000


def test_truth_counts_what_happened_and_a_reset_forgets_it(cosmos_with: Start) -> None:
    with cosmos_with() as service, RawCosmos(service["url"], service["key"]) as client:
        for n in range(3):
            client.put_item({"id": str(n), "pk": "a"})
        client.send("GET", f"{client.docs}/1", pk="a")
        client.send("GET", f"{client.docs}/none", pk="a")
        client.query("SELECT * FROM c")
        truth = truth_of(client)
        assert truth[CosmosOperation.UPSERT].statuses == {201: 3}
        assert truth[CosmosOperation.UPSERT].charge == 15
        assert truth[CosmosOperation.READ].statuses == {200: 1, 404: 1}
        assert truth[CosmosOperation.READ].charge == 2
        assert truth[CosmosOperation.QUERY].times.count == 1
        assert truth[CosmosOperation.METADATA].statuses == {201: 2}
        assert client.http.post("/_truth/reset").json() == {"reset": True}
        assert truth_of(client)[CosmosOperation.UPSERT].charge == 0


def test_items_stay_small(raw: RawCosmos, cosmos: Service) -> None:
    process = psutil.Process(cosmos["pid"])
    before = process.memory_info().rss
    for pk in range(50):
        made = [{"id": f"{pk}-{n}", "pk": str(pk), "text": "x" * 330} for n in range(100)]
        operations = [{"operationType": "Create", "resourceBody": item} for item in made]
        raw.create(raw.docs, operations, str(pk), x_ms_cosmos_is_batch_request="True")
    assert raw.query("SELECT VALUE COUNT(1) FROM c").json()["Documents"] == [5000]
    assert process.memory_info().rss - before < 5000 * MOST_MEMORY


@pytest.mark.parametrize("operation", CosmosOperation)
def test_the_p99_of_a_default_is_what_the_service_promises(operation: CosmosOperation) -> None:
    generator = random.Random(1)
    drawn = sorted(DEFAULT_DELAYS[operation].draw(generator) for _ in range(5000))
    assert drawn[4950] <= (20_000_000 if operation is CosmosOperation.QUERY else 10_000_000)


def test_settings_are_read_told_and_refused() -> None:
    settings = EmbeddedSettings.parse(["cosmos.delay=2ms", "cosmos.delay.query=9ms", "cosmos.rus=400"])
    model = settings.part(CosmosSettings).model
    assert "read fixed(2ms)" in model
    assert "query fixed(9ms)" in model
    assert "at most 400 RU/s a container" in model
    assert settings.faults == "cosmos.rus=400"
    for pair, message in {
        "cosmos.rus=0": "cosmos.rus: '0' is not a whole number from 1",
        "cosmos.delay.scan=1ms": r"no embedded setting 'cosmos.delay.scan': .*OPERATION: read, create",
        "cosmos.error_rate=2": "cosmos.error_rate: '2' is not a share",
    }.items():
        with pytest.raises(ValueError, match=message):
            EmbeddedSettings.parse([pair])
