"""The process that serves the embedded LLM; see `serving` for how it starts and ends.

An OpenAI client's `base_url` is its URL with `/v1`; an Azure client's `azure_endpoint` is its URL.
"""

from __future__ import annotations

import secrets
import sys

from pytest_rtmedload.embedded.deadlines import ServiceDeadlines
from pytest_rtmedload.embedded.llm.app import LlmApp
from pytest_rtmedload.embedded.llm.settings import LlmSettings
from pytest_rtmedload.embedded.serving import Order, run, serve_http

SERVER_HEADER = "rtmedload-embedded-llm"


async def serve(order: Order) -> None:
    """Serve the LLM until the process is ended."""
    settings = order.settings.part(LlmSettings)
    key = secrets.token_hex(16)
    deadlines = ServiceDeadlines()
    app = LlmApp(settings, order.settings.seed, key, deadlines)
    try:
        await serve_http(app, order, SERVER_HEADER, key, {"llm model": settings.model})
    finally:
        deadlines.close()


if __name__ == "__main__":
    sys.exit(run(serve))
