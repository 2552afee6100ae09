"""A client of Cosmos DB's REST interface that signs and sends, and hides nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote
from uuid import uuid4

import httpx2

if TYPE_CHECKING:
    from types import TracebackType


_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Never used, but a client without it would read all certificates of the machine."""


class RawCosmos:
    """Requests to a container of its own, `dbs/raw-…/colls/items`, with the partition key /pk."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key
        self.http = httpx2.Client(base_url=url, trust_env=False, verify=_NO_TLS)
        self.database = f"dbs/raw-{uuid4()}"
        self.container = f"{self.database}/colls/items"
        self.docs = f"{self.container}/docs"
        self.create("dbs", {"id": self.database.removeprefix("dbs/")})
        self.create(f"{self.database}/colls", {"id": "items", "partitionKey": {"paths": ["/pk"]}, "defaultTtl": -1})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.send("DELETE", self.database)
        self.http.close()

    def send(self, method: str, path: str, body: Any = None, pk: Any = None, **headers: str) -> httpx2.Response:
        """Send a signed request; `x_ms_…` in headers is `x-ms-…`."""
        date = formatdate(usegmt=True).lower()
        named = {"x-ms-date": date, "authorization": self.signature(method, path, date)}
        if pk is not None:
            named["x-ms-documentdb-partitionkey"] = json.dumps(pk if isinstance(pk, list) else [pk])
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.request(method, f"/{quote(path)}", content=content, headers=named)

    def create(self, path: str, body: Any, pk: Any = None, **headers: str) -> httpx2.Response:
        """POST, which must succeed."""
        response = self.send("POST", path, body, pk, **headers)
        assert response.status_code in (200, 201), response.text
        return response

    def put_item(self, item: dict[str, Any]) -> httpx2.Response:
        """Upsert an item."""
        return self.create(self.docs, item, item["pk"], x_ms_documentdb_is_upsert="True")

    def query(
        self, text: str, pk: Any = None, parameters: dict[str, Any] | None = None, **headers: str
    ) -> httpx2.Response:
        """One page of a query; over all partitions unless a key is given."""
        body = {"query": text, "parameters": [{"name": k, "value": v} for k, v in (parameters or {}).items()]}
        headers = {"x_ms_documentdb_isquery": "true", "content_type": "application/query+json", **headers}
        if pk is None:
            headers = {"x_ms_documentdb_query_enablecrosspartition": "true", **headers}
        return self.send("POST", self.docs, body, pk, **headers)

    def signature(self, method: str, path: str, date: str) -> str:
        """The documented signature, made independently of the service's."""
        parts = path.split("/") if path else []
        kind, link = (
            ("", "") if not parts else (parts[-1], "/".join(parts[:-1])) if len(parts) % 2 else (parts[-2], path)
        )
        text = f"{method.lower()}\n{kind}\n{link}\n{date}\n\n"
        digest = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        return quote(f"type=master&ver=1.0&sig={base64.b64encode(digest).decode()}", safe="")
