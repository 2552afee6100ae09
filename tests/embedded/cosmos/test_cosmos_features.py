"""The feature table: the official client, unmodified and with its default options (`-s` shows the table)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient

from tests.embedded.cosmos.cosmos_features import FEATURES, Bench

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.services import Service


async def table(service: Service) -> dict[str, str]:
    """Feature → `ok`, or what is wrong."""
    found = {}
    async with CosmosClient(service["url"], credential=service["key"]) as client:
        database = await client.create_database(f"features-{uuid4()}")
        items = await database.create_container("items", PartitionKey("/pk"), default_ttl=-1)
        for name, check in FEATURES.items():
            try:
                await check(Bench(client, database, items))
                found[name] = "ok"
            except Exception as error:  # noqa: BLE001 - whatever it is, it is that row's
                found[name] = f"{type(error).__name__}: {error}"
        await client.delete_database(database)
    return found


def test_the_official_client_gets_every_feature(cosmos: Service) -> None:
    rows = asyncio.run(table(cosmos))
    print("\n" + "\n".join(f"{'ok  ' if state == 'ok' else 'FAIL'}  {name}" for name, state in rows.items()))
    failed = {name: state for name, state in rows.items() if state != "ok"}
    assert len(rows) == len(FEATURES) >= 50
    assert not failed
