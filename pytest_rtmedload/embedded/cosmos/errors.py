"""Error responses of Cosmos DB: a status, a code, a message, sometimes a substatus.

The rule: clients decide by status and substatus whether to retry, so both are the documented ones.
"""

from __future__ import annotations

from typing import Final

CODES: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    412: "PreconditionFailed",
    413: "RequestEntityTooLarge",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
}

PARTITION_KEY_MISMATCH: Final = 1001
OWNER_NOT_FOUND: Final = 1003
COLLECTION_RID_MISMATCH: Final = 1024
THROTTLED: Final = 3200


class CosmosError(Exception):
    """A refusal; `charge` is its cost in request units."""

    def __init__(
        self,
        status: int,
        message: str,
        substatus: int = 0,
        charge: float = 0.0,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.substatus = substatus
        self.charge = charge
        self.retry_after_ms = retry_after_ms

    @property
    def code(self) -> str:
        """The word for the status, as the body has it."""
        return CODES.get(self.status, "InternalServerError")


def bad_request(message: str, substatus: int = 0) -> CosmosError:
    """A 400."""
    return CosmosError(400, message, substatus)


def not_embedded(what: str) -> CosmosError:
    """A 400 for a feature of the real service that is not supported here."""
    return CosmosError(400, f"the embedded Cosmos DB does not know {what}")
