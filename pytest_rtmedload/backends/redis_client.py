"""One user's Redis, through redis-py.

The rule: every key contains the run's name and expires by itself; keys are removed by name when their user ends, and
no other key is ever touched. Retries are switched off, so that a slow answer is measured as one.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.backends.errors import ServiceError, load_sdk, one_line, unreachable
from pytest_rtmedload.backends.requests import Calls, in_our_words, user_behind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_rtmedload.backends.requests import Handle, User
    from pytest_rtmedload.spec.endpoints import Endpoint

PACKAGE: Final = "redis"
TTL_S: Final = 600
"""Lifetime of keys that could not be removed."""
KEYS_PER_USER: Final = 100
"""Sessions that a user writes in turn: a long test must not fill the Redis."""
INFO_S: Final = 1.0
INFO: Final = {
    "redis.memory": ("used_memory", 1 / 2**20, "MB"),
    "redis.clients": ("connected_clients", 1, ""),
    "redis.ops": ("instantaneous_ops_per_sec", 1, "/s"),
}
"""Statistics of the server: value → field of `INFO`, factor, unit."""
_REMOVED_AT_ONCE: Final = 500


class RedisUser(Calls):
    """One user's client and the keys it has written."""

    def __init__(self, load: User, client: Any, run: str) -> None:
        super().__init__(load, "redis", explain)
        self.client = client
        """The client of redis-py, which decodes answers to text."""
        self._prefix = f"rtmedload:{run}"
        self._written: set[str] = set()

    def key(self, kind: str) -> str:
        """The key of this kind for the current iteration; it is removed when the user ends."""
        name = f"{self._prefix}:{kind}:{self.load.user}:{self.load.iteration % KEYS_PER_USER}"
        if name not in self._written:
            self._written.add(name)
            self.load.tally("redis.keys created")
        return name

    @property
    def channel(self) -> str:
        """This user's own channel for messages."""
        return f"{self._prefix}:channel:{self.load.user}"

    async def connect(self) -> None:
        """Open a connection."""
        async with self.call("redis.connect"):
            await self.client.ping()

    async def watch(self) -> None:
        """Record the memory, clients and operations of the server once a second, until cancelled."""
        while True:
            async with asyncio.timeout(self.deadline_s):
                info = await self.client.info()
            for name, (key, factor, unit) in INFO.items():
                self.load.value(name, info[key] * factor, unit)
            await asyncio.sleep(INFO_S)

    async def remove(self) -> None:
        """Remove the keys that this user wrote."""
        names = sorted(self._written)
        for begin in range(0, len(names), _REMOVED_AT_ONCE):
            some = names[begin : begin + _REMOVED_AT_ONCE]
            await self.quietly(functools.partial(self.client.unlink, *some))
            self.load.tally("redis.keys removed", len(some))
        self._written.clear()


def client_of(endpoint: Endpoint, deadline_s: float) -> Any:
    """A client without retries.

    Raises:
        SdkMissing: redis-py is not installed.
    """
    asyncio_redis = load_sdk("redis.asyncio", PACKAGE)
    retry = load_sdk("redis.asyncio.retry", PACKAGE).Retry(load_sdk("redis.backoff", PACKAGE).NoBackoff(), 0)
    limits = {"socket_connect_timeout": deadline_s, "socket_timeout": deadline_s + 1}
    password = {"password": endpoint.key} if endpoint.key else {}  # one in the URL is stronger
    return asyncio_redis.Redis.from_url(endpoint.url, decode_responses=True, retry=retry, **limits, **password)


async def ask(endpoint: Endpoint, deadline_s: float) -> None:
    """Check that the server accepts the connection.

    Raises:
        ServiceError: it does not; one line.
    """
    client = client_of(endpoint, deadline_s)
    try:
        async with in_our_words(explain, deadline_s):
            await client.ping()
    finally:
        await client.aclose()


@contextlib.asynccontextmanager
async def redis_user(load: User | Handle, endpoint: Endpoint, run: str) -> AsyncIterator[RedisUser]:
    """A user's Redis, connected; its keys are removed at the end."""
    load = user_behind(load)
    client = client_of(endpoint, load.connecting.timeout)
    user = RedisUser(load, client, run)
    try:
        await user.warm_up(user.connect)
        yield user
        await user.remove()
    finally:
        await client.aclose()


@contextlib.asynccontextmanager
async def watched(user: RedisUser) -> AsyncIterator[None]:
    """Let one user of a test watch the server during the block."""
    watching = asyncio.create_task(user.watch()) if user.load.user == 0 else None
    try:
        yield
    finally:
        if watching is not None:
            watching.cancel()
            (ended,) = await asyncio.gather(watching, return_exceptions=True)
            if isinstance(ended, Exception):  # it may be forbidden, which is not a failure of the measured requests
                user.load.error(f"redis.info: {explain(ended) or one_line(ended)}")


def explain(error: Exception) -> ServiceError | None:
    """The error that an exception of redis-py stands for."""
    found = load_sdk("redis.exceptions", PACKAGE)
    if isinstance(error, found.AuthenticationError | found.AuthorizationError | found.NoPermissionError):
        return ServiceError(
            f"refused: {one_line(error)}; check the user and the password in REDIS_URL, or REDIS_ACCESS_KEY"
        )
    if isinstance(error, found.TimeoutError):
        return ServiceError(one_line(error), censored=True)
    if isinstance(error, found.ConnectionError):
        return unreachable(error, "REDIS_URL or REDIS_HOST")
    if isinstance(error, found.MovedError):
        return ServiceError("this is a cluster that redirects its clients: configure an endpoint that serves all keys")
    return ServiceError(one_line(error)) if isinstance(error, found.RedisError) else None
