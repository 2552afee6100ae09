"""The work as a loop over httpx2, without a tool. Arguments: users, seconds. Prints its P99 in milliseconds."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import httpx2

URL = os.environ["PEERS_HTTP"] + "/health"


async def user(until: float, times: list[float]) -> None:
    """One user with a connection of its own."""
    async with httpx2.AsyncClient() as client:
        while (begin := time.perf_counter()) < until:
            response = await client.get(URL)
            assert response.status_code == 200
            times.append(time.perf_counter() - begin)


async def main(users: int, seconds: float) -> None:
    """All users at once."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(user(until, times) for _ in range(users)))
    print(sorted(times)[-(-len(times) * 99 // 100) - 1] * 1000)


asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
