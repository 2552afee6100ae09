"""Partition keys: the values that assign an item to its partition.

The rule: a key is one value for each path of the container's definition, compared by kind and content; it is kept as
canonical JSON. A missing path has its own value, `{}` on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

from pytest_rtmedload.embedded.cosmos.errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_UNDEFINED: Final[dict[str, Any]] = {}
MAX_PATHS: Final = 3


@dataclass(frozen=True, slots=True)
class PartitionKeyDefinition:
    """The paths of a container's partition key; more than one is a hierarchical key."""

    paths: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, definition: Mapping[str, Any] | None) -> Self:
        """Read `{"paths": ["/tenant", "/user/id"], "kind": "MultiHash"}`.

        Raises:
            CosmosError: 400, it is not a partition key definition.
        """
        paths = (definition or {}).get("paths")
        if not isinstance(paths, list) or not all(isinstance(path, str) and path[:1] == "/" for path in paths):
            raise bad_request('partitionKey.paths must be a list of paths, such as ["/id"]')
        if not 1 <= len(paths) <= MAX_PATHS:
            raise bad_request(f"partitionKey.paths has {len(paths)} paths; 1 to {MAX_PATHS} are allowed")
        return cls(tuple(tuple(part.strip('"') for part in path[1:].split("/")) for path in paths))

    def of(self, document: Mapping[str, Any]) -> bytes:
        """The key of an item.

        Raises:
            CosmosError: 400, a value is an array or an object.
        """
        return canonical([_at(document, path) for path in self.paths])

    def parse_header(self, text: str) -> bytes:
        """The key a request names: a JSON array with all values.

        Raises:
            CosmosError: 400, it is missing, or is not such an array.
        """
        if not text:
            raise bad_request("PartitionKey value must be supplied for this operation.")
        values = _values(text)
        if len(values) != len(self.paths):
            raise bad_request(f"the partition key has {len(self.paths)} paths, the request names {len(values)} values")
        return canonical(values)

    def parse_prefix(self, text: str) -> bytes:
        """The key a query names, or, ending in a comma, what the keys of all its partitions begin with.

        Raises:
            CosmosError: 400, it is not an array, or too long.
        """
        values = _values(text)
        if len(values) >= len(self.paths):
            return self.parse_header(text)
        return canonical(values)[:-1] + b"," if values else b"["


def canonical(values: Sequence[Any]) -> bytes:
    """Values as a key.

    Raises:
        CosmosError: 400, a value is an array or an object.
    """
    for value in values:
        if isinstance(value, list) or (isinstance(value, dict) and value):
            raise bad_request("a partition key's value must be a string, a number, true, false or null")
    return orjson.dumps([int(value) if _is_whole(value) else value for value in values])


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _values(text: str) -> list[Any]:
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, list):
        raise bad_request(f"x-ms-documentdb-partitionkey is not a JSON array: {text[:100]}")
    return values


def _at(document: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = document
    for name in path:
        value = value.get(name, _UNDEFINED) if isinstance(value, dict) else _UNDEFINED
    return value
