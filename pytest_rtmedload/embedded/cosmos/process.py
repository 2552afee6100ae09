"""The process that serves the embedded Cosmos DB; see `serving` for how it starts and ends.

A client is made with its URL and its key: `CosmosClient(url, credential=key)`.
"""

from __future__ import annotations

import base64
import secrets
import sys

from pytest_rtmedload.embedded.cosmos.app import CosmosApp
from pytest_rtmedload.embedded.cosmos.settings import CosmosSettings
from pytest_rtmedload.embedded.deadlines import ServiceDeadlines
from pytest_rtmedload.embedded.serving import Order, run, serve_http

SERVER_HEADER = "rtmedload-embedded-cosmos"


async def serve(order: Order) -> None:
    """Serve the database until the process is ended."""
    settings = order.settings.part(CosmosSettings)
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    deadlines = ServiceDeadlines()
    app = CosmosApp(settings, order.settings.seed, key, deadlines)
    try:
        await serve_http(app, order, SERVER_HEADER, key, {"cosmos model": settings.model}, proxy_headers=False)
    finally:
        deadlines.close()


if __name__ == "__main__":
    sys.exit(run(serve))
