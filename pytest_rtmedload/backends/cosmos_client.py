"""One user's Cosmos DB, through the official azure-cosmos client.

The rule: retries of the client are switched off where possible, and counted where not. The request units of every
answer are recorded. A user's items are in partitions of its own and are removed when the user ends.
"""

from __future__ import annotations

import binascii
import contextlib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.backends.errors import ServiceError, load_sdk, one_line, throttled, unreachable
from pytest_rtmedload.backends.identity import GivenCredential, default_credential
from pytest_rtmedload.backends.requests import Calls, in_our_words, user_behind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_rtmedload.backends.requests import Handle, User
    from pytest_rtmedload.spec.endpoints import Endpoint

PACKAGE: Final = "azure-cosmos"
TTL_S: Final = 3600
"""Lifetime of items that could not be removed, in containers that allow it."""
PARTITION_KEY: Final = "/session_id"
RU: Final = "cosmos.ru"
_BATCH: Final = 100
"""Most operations of a transactional batch."""
_NO_RETRIES: Final = {
    "retry_total": 0,
    "retry_connect": 0,
    "retry_read": 0,
    "retry_status": 0,
    "retry_throttle_total": -1,
}
"""-1, because the client treats 0 as its default of nine."""
_TRIED_AGAIN: Final = (408, 410, 429, 449)


@dataclass(frozen=True, slots=True)
class Place:
    """Where items are written."""

    database: str
    container: str
    partition_field: str
    created: bool
    """True when the run created the database and removes it at the end."""


class Attempts:
    """Counts the client's own retries, through the client's hooks."""

    def __init__(self) -> None:
        self.repeated = 0
        self._unanswered: set[tuple[str, str]] = set()

    def begin(self) -> None:
        """An operation begins."""
        self.repeated = 0
        self._unanswered.clear()

    def sending(self, request: Any) -> None:
        """A request is sent; it is a retry if the same request has not been answered successfully."""
        sent = (request.http_request.method, request.http_request.url)
        self.repeated += sent in self._unanswered
        self._unanswered.add(sent)

    def answered(self, response: Any) -> None:
        """An answer has arrived."""
        status = response.http_response.status_code
        if status < 500 and status not in _TRIED_AGAIN:
            self._unanswered.discard((response.http_request.method, response.http_request.url))


class CosmosUser(Calls):
    """One user's client, its container and the items it has written."""

    def __init__(self, load: User, container: Any, place: Place, attempts: Attempts) -> None:
        super().__init__(load, "cosmos", explain)
        self.container = container
        """azure-cosmos' own."""
        self._place = place
        self._attempts = attempts
        self._written: dict[str, set[str]] = {}
        self._doubtful: set[tuple[str, str]] = set()

    @contextlib.asynccontextmanager
    async def call(self, metric: str, *, expect: int | None = None, throttling: bool = False) -> AsyncIterator[None]:
        """As `Calls.call`, and counts the client's retries."""
        self._attempts.begin()
        try:
            async with super().call(metric, expect=expect, throttling=throttling):
                yield
        finally:
            if self._attempts.repeated:
                self.load.count("cosmos.hidden_retries", self._attempts.repeated)

    async def connect(self) -> None:
        """Read the properties of the container, which the client needs before its first request."""
        async with self.call("cosmos.connect"):
            await self.container.read()

    async def create(self, session: str, item: dict[str, Any], metric: str = "cosmos.create", **options: Any) -> Any:
        """Persist an item in the partition of a session; `options` are those of `call`."""
        async with self.call(metric, **options):
            return await self._add(session, item)

    async def read(self, session: str, name: str) -> Any:
        """Read an item by its id and partition."""
        async with self.call("cosmos.read"):
            return await self.container.read_item(name, session, response_hook=self._charged)

    async def query(self, session: str, text: str, **parameters: Any) -> list[Any]:
        """All items of a session that match a query."""
        given = [{"name": f"@{name}", "value": value} for name, value in parameters.items()]
        async with self.call("cosmos.query"):
            pages = self.container.query_items(
                text, parameters=given, partition_key=session, response_hook=self._charged
            )
            return [item async for item in pages]

    async def replace(self, session: str, item: dict[str, Any], etag: str, expect: int | None = None) -> None:
        """Replace an item unless it was changed after its ETag was read."""
        unchanged = load_sdk("azure.core", PACKAGE).MatchConditions.IfNotModified
        async with self.call("cosmos.conflict" if expect else "cosmos.replace", expect=expect):
            await self.container.replace_item(
                item["id"], self._item(session, item), etag=etag, match_condition=unchanged, response_hook=self._charged
            )

    async def remove(self) -> None:
        """Remove the items that this user wrote."""
        for session, names in self._written.items():
            ordered = sorted(names)
            for begin in range(0, len(ordered), _BATCH):
                batch = [("delete", (name,)) for name in ordered[begin : begin + _BATCH]]
                request = functools.partial(self.container.execute_item_batch, batch, partition_key=session)
                await self.patiently(functools.partial(self.quietly, request))
                self.load.tally("cosmos.items removed", len(batch))
        self._written.clear()

        for session, name in sorted(self._doubtful):
            await self.patiently(functools.partial(self.quietly, functools.partial(self._settle, session, name)))
        self._doubtful.clear()

    async def _settle(self, session: str, name: str) -> None:
        """Remove an item whose creation was never confirmed."""
        gone = load_sdk("azure.cosmos.exceptions", PACKAGE).CosmosResourceNotFoundError
        with contextlib.suppress(gone):
            await self.container.delete_item(name, session)
            self.load.tally("cosmos.items created")
            self.load.tally("cosmos.items removed")

    async def _add(self, session: str, item: dict[str, Any]) -> Any:
        self._doubtful.add((session, item["id"]))
        created = await self.container.create_item(self._item(session, item), response_hook=self._charged)
        self._doubtful.discard((session, item["id"]))
        self._written.setdefault(session, set()).add(item["id"])
        self.load.tally("cosmos.items created")
        return created

    def _item(self, session: str, item: dict[str, Any]) -> dict[str, Any]:
        return {**item, self._place.partition_field: session, "ttl": TTL_S}

    def _charged(self, headers: Any, _body: Any) -> None:
        self.load.value(RU, float(headers.get("x-ms-request-charge") or 0), "RU")


def client_of(endpoint: Endpoint, attempts: Attempts | None = None) -> Any:
    """A client whose retries are switched off, or counted.

    Raises:
        SdkMissing: azure-cosmos is not installed, or azure-identity where it is needed.
    """
    cosmos = load_sdk("azure.cosmos.aio", f"{PACKAGE}[aio]")
    load_sdk("aiohttp", f"{PACKAGE}[aio]")
    hooks = {"raw_request_hook": attempts.sending, "raw_response_hook": attempts.answered} if attempts else {}
    token = GivenCredential(endpoint.token) if endpoint.token else None
    credential = endpoint.key or token or default_credential()
    return cosmos.CosmosClient(endpoint.url, credential=credential, **_NO_RETRIES, **hooks)


@contextlib.asynccontextmanager
async def connected(client: Any) -> AsyncIterator[Any]:
    """The entered client, closed at the end, also when entering it failed."""
    try:
        yield await client.__aenter__()
    finally:
        await client.close()


async def prepare(endpoint: Endpoint, run: str, deadline_s: float) -> Place:
    """The configured container, or a new database and container for this run.

    Raises:
        ServiceError: there is none and none can be created; one line.
    """
    database, container = endpoint.options.get("database"), endpoint.options.get("container")
    async with in_our_words(explain, deadline_s), connected(client_of(endpoint)) as client:
        if database and container:
            return await _named(client, database, container)
        return await _made(client, f"rtmedload-{run}")


async def _named(client: Any, database: str, container: str) -> Place:
    properties = await client.get_database_client(database).get_container_client(container).read()
    paths = properties["partitionKey"]["paths"]
    if len(paths) != 1 or paths[0].count("/") != 1:
        raise ServiceError(
            f"container {container!r} has the partition key {', '.join(paths)}: one plain field is needed"
        )
    return Place(database, container, paths[0][1:], created=False)


async def _made(client: Any, name: str) -> Place:
    """Create database and container; several processes of a run may do so at the same time."""
    exists = load_sdk("azure.cosmos.exceptions", PACKAGE).CosmosResourceExistsError
    key = load_sdk("azure.cosmos", PACKAGE).PartitionKey(PARTITION_KEY)
    with contextlib.suppress(exists):
        await client.create_database(name)
    with contextlib.suppress(exists):
        await client.get_database_client(name).create_container("conversations", key, default_ttl=TTL_S)
    return Place(name, "conversations", PARTITION_KEY[1:], created=True)


async def remove(endpoint: Endpoint, place: Place, deadline_s: float) -> None:
    """Remove the database that the run created; another process of the run may have done so."""
    gone = load_sdk("azure.cosmos.exceptions", PACKAGE).CosmosResourceNotFoundError
    async with in_our_words(explain, deadline_s), connected(client_of(endpoint)) as client:
        with contextlib.suppress(gone):
            await client.delete_database(place.database)


@contextlib.asynccontextmanager
async def cosmos_user(load: User | Handle, endpoint: Endpoint, place: Place) -> AsyncIterator[CosmosUser]:
    """A user's Cosmos DB, connected; the items it wrote are removed at the end.

    Raises:
        ServiceError: it refuses access.
    """
    load = user_behind(load)
    attempts = Attempts()
    raw = client_of(endpoint, attempts)
    async with contextlib.AsyncExitStack() as stack:
        async with in_our_words(explain, load.connecting.timeout):
            client = await stack.enter_async_context(connected(raw))
        container = client.get_database_client(place.database).get_container_client(place.container)
        user = CosmosUser(load, container, place, attempts)
        await user.warm_up(user.connect)
        yield user
        await user.remove()


def explain(error: Exception) -> ServiceError | None:
    """The error that an exception of the client stands for."""
    exceptions, core = load_sdk("azure.cosmos.exceptions", PACKAGE), load_sdk("azure.core.exceptions", PACKAGE)
    if isinstance(error, exceptions.CosmosClientTimeoutError | core.ServiceResponseTimeoutError):
        return ServiceError("no answer within the client's limit", censored=True)
    if isinstance(error, binascii.Error):
        return ServiceError("the key is not a Cosmos DB key (base64); check COSMOS_KEY")
    if isinstance(error, core.ClientAuthenticationError):
        return ServiceError(f"authentication failed: {one_line(error)}; set COSMOS_KEY, or sign in to Azure")
    if isinstance(error, core.ServiceRequestError | core.ServiceResponseError):
        return unreachable(error, "COSMOS_ENDPOINT")
    if isinstance(error, core.HttpResponseError) and error.status_code:
        return _refused(int(error.status_code), error)
    return ServiceError(one_line(error)) if isinstance(error, core.AzureError) else None


def _refused(status: int, error: Any) -> ServiceError:
    if status == 429:
        headers = getattr(error, "headers", None) or {}
        return throttled("the budget of request units", float(headers.get("x-ms-retry-after-ms") or 0) / 1000)
    return ServiceError(f"HTTP {status}: {_ADVICE.get(status) or one_line(error)}", status=status)


_ADVICE: Final = {
    401: "the key or token was refused; check COSMOS_KEY, and that it belongs to this account",
    403: "access is denied; a token cannot create databases: set COSMOS_DATABASE and COSMOS_CONTAINER, "
    "and check the firewall of the account",
}
