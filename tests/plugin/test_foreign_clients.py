"""Clients of the test's own: what they raise is sorted as our clients' failures are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import LoadRun

BODY = """
    import socket

    import httpx
    import pytest

    class Unhappy(Exception):
        pass

    async def ask(url):
        async with httpx.AsyncClient(trust_env=False, timeout=0.05) as client:
            await client.get(url)

    @pytest.fixture
    def silent():
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/"

    @pytest.mark.load(users=1, iterations=2, think=0)
    async def test_it(load, silent):
"""
BODIES = {
    "measured": "with load.measure('op'):\n            await ask(silent)",
    "bare": "await ask(silent)",
    "wrapped": "try:\n            await ask(silent)\n"
    "        except httpx.HTTPError as error:\n            raise Unhappy('no answer') from error",
}


def outcome(load_run_of: LoadRun, kind: str) -> dict[str, Any]:
    load_run_of.file(test_it=f"{BODY}        {BODIES[kind]}\n")
    load_run_of("-m", "load", "--load-ramp=0", "--load-warmup=0", sizes=())
    return load_run_of.result()["tests"][0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", BODIES)
def test_a_time_out_of_a_client_of_the_tests_own_is_censored_once(load_run_of: LoadRun, kind: str) -> None:
    test = outcome(load_run_of, kind)
    for name, metric in test["metrics"].items():
        assert (metric["count"], metric["failed"], metric["censored"]) == (0, 0, 2), name
    assert sum(error["count"] for error in test["errors"]) == 2
    text = "Unhappy: no answer (after a time-out: {})" if kind == "wrapped" else "{}"
    kinds = {text.format(name) for name in ("ReadTimeout", "ConnectTimeout")}  # on a busy machine
    assert {error["message"] for error in test["errors"]} <= kinds
