"""The 422 answers of FastAPI to a wrong start-call body: lists of errors with type, place and message.

The rule: the checks run in FastAPI's order, and the first one that fails determines the answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pytest_rtmedload.dialects import Json

FIELD = "target_number"


class RequestInvalid(Exception):  # noqa: N818 - what the answer says, not an error of ours
    """A body that the operation does not accept; `errors` is the `detail` of the answer."""

    def __init__(self, **error: Any) -> None:  # JSON of any kind
        super().__init__(error["msg"])
        self.errors = [error]


def start_call_request(body: bytes, number_pattern: str | None) -> Json:
    """The validated body of a start-call request.

    Raises:
        RequestInvalid: it is not valid; FastAPI answers 422 with `errors`.
    """
    fields = _object(body)
    if FIELD not in fields:
        raise RequestInvalid(type="missing", loc=["body", FIELD], msg="Field required", input=fields)
    number = fields[FIELD]
    if not isinstance(number, str):
        raise RequestInvalid(
            type="string_type", loc=["body", FIELD], msg="Input should be a valid string", input=number
        )
    if number_pattern is not None and not re.search(number_pattern, number):
        raise RequestInvalid(
            type="string_pattern_mismatch",
            loc=["body", FIELD],
            msg=f"String should match pattern '{number_pattern}'",
            input=number,
            ctx={"pattern": number_pattern},
        )
    return fields


def _object(body: bytes) -> Json:
    if not body:
        raise RequestInvalid(type="missing", loc=["body"], msg="Field required", input=None)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestInvalid(
            type="json_invalid", loc=["body", error.pos], msg="JSON decode error", input={}, ctx={"error": error.msg}
        ) from None
    if not isinstance(value, dict):
        raise RequestInvalid(
            type="model_attributes_type",
            loc=["body"],
            msg="Input should be a valid dictionary or object to extract fields from",
            input=value,
        )
    return value
