"""Partial updates: the operations of a PATCH on one document.

The rule: all operations of a patch are carried out, in their order, or none; the caller discards a half-patched
document.
Source: "Partial document update" in the service's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_rtmedload.embedded.cosmos.errors import CosmosError, bad_request
from pytest_rtmedload.embedded.cosmos.sql.values import KINDS, NUMBER, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Document = dict[str, Any]

MAX_OPERATIONS: Final = 10
_SYSTEM: Final = ("id", "_rid", "_self", "_etag", "_ts", "_attachments")
_END: Final = "-"
"""As an index: behind the last element of an array."""


def patch(document: Document, operations: Any) -> None:
    """Carry out the operations of a patch on a document, in place.

    Raises:
        CosmosError: 400, an operation is invalid, or cannot be carried out on this document.
    """
    if not isinstance(operations, list) or not 1 <= len(operations) <= MAX_OPERATIONS:
        raise bad_request(f"a patch has 1 to {MAX_OPERATIONS} operations")
    for operation in operations:
        if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
            raise bad_request(f"a patch operation is one of {', '.join(_OPERATIONS)}, not {operation!r}")
        parts = _split(operation.get("path"))
        if operation["op"] not in ("remove", "move") and "value" not in operation:
            raise bad_request(f"the patch operation on {operation['path']} has no value")
        _OPERATIONS[operation["op"]](document, parts, operation)


def _split(path: Any) -> list[str]:
    if not isinstance(path, str) or not path.startswith("/") or path == "/":
        raise bad_request(f"{path!r} is not a path of a patch operation: write it as /property/0")
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
    if parts[0] in _SYSTEM:
        raise bad_request(f"{path} is a property that cannot be patched")
    return parts


def _parent(document: Document, parts: list[str]) -> Any:
    """The object or array that holds the property or element at a path."""
    found: Any = document
    for part in parts[:-1]:
        found = _get(found, part, parts)
    if not isinstance(found, dict | list):
        raise _absent(parts)
    return found


def _get(holder: Any, part: str, parts: list[str]) -> Any:
    if isinstance(holder, dict) and part in holder:
        return holder[part]
    if isinstance(holder, list):
        return holder[_index(holder, part, parts)]
    raise _absent(parts)


def _index(holder: list[Any], part: str, parts: list[str], *, behind: int = 0) -> int:
    """An element's index, which may be `behind` the last."""
    index = int(part) if part.isascii() and part.isdecimal() else len(holder) if part == _END and behind else -1
    if not 0 <= index < len(holder) + behind:
        raise _absent(parts)
    return index


def _add(document: Document, parts: list[str], operation: Mapping[str, Any]) -> None:
    holder = _parent(document, parts)
    if isinstance(holder, list):
        holder.insert(_index(holder, parts[-1], parts, behind=1), operation["value"])
    else:
        holder[parts[-1]] = operation["value"]


def _set(document: Document, parts: list[str], operation: Mapping[str, Any]) -> None:
    holder = _parent(document, parts)
    if isinstance(holder, list):
        index = _index(holder, parts[-1], parts, behind=1)
        holder[index : index + 1] = [operation["value"]]
    else:
        holder[parts[-1]] = operation["value"]


def _replace(document: Document, parts: list[str], operation: Mapping[str, Any]) -> None:
    _get(_parent(document, parts), parts[-1], parts)
    _set(document, parts, operation)


def _remove(document: Document, parts: list[str], _: Mapping[str, Any]) -> None:
    holder = _parent(document, parts)
    _get(holder, parts[-1], parts)
    del holder[_index(holder, parts[-1], parts) if isinstance(holder, list) else parts[-1]]


def _increment(document: Document, parts: list[str], operation: Mapping[str, Any]) -> None:
    holder = _parent(document, parts)
    if isinstance(holder, dict) and parts[-1] not in holder:
        holder[parts[-1]] = 0
    old = _get(holder, parts[-1], parts)
    if KINDS[type(old)] != NUMBER or KINDS[type(operation["value"])] != NUMBER:
        raise bad_request(f"incr on /{'/'.join(parts)} needs numbers, not {old!r} and {operation['value']!r}")
    holder[parts[-1] if isinstance(holder, dict) else int(parts[-1])] = number(old + operation["value"])


def _move(document: Document, parts: list[str], operation: Mapping[str, Any]) -> None:
    source = _split(operation.get("from"))
    if parts[: len(source)] == source:
        raise bad_request(f"move from {operation['from']} into itself")
    value = _get(_parent(document, source), source[-1], source)
    _remove(document, source, operation)
    _add(document, parts, {"value": value})


_OPERATIONS: Final[dict[str, Callable[[Document, list[str], Mapping[str, Any]], None]]] = {
    "add": _add,
    "set": _set,
    "replace": _replace,
    "remove": _remove,
    "incr": _increment,
    "move": _move,
}


def _absent(parts: list[str]) -> CosmosError:
    return bad_request(f"the patch names /{'/'.join(parts)}, which the item does not have")
