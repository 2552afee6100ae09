"""Authentication at Azure without a key: by a configured bearer token, or by azure-identity.

The rule: azure-identity is used only for a configured endpoint that has neither key nor token.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from pytest_rtmedload.backends.errors import load_sdk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

COGNITIVE_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
_LIFE_S: Final = 3600


class GivenToken(NamedTuple):
    """A token in the form that azure-core's clients accept."""

    token: str
    expires_on: int


class GivenCredential:
    """A credential that consists of a configured token, which cannot be renewed."""

    def __init__(self, token: str) -> None:
        self._token = GivenToken(token, int(time.time()) + _LIFE_S)

    async def get_token(self, *_scopes: str, **_options: Any) -> GivenToken:
        """Return the token for any scope."""
        return self._token

    async def close(self) -> None:
        """Nothing to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return


def default_credential() -> Any:
    """azure-identity's default credential for asyncio.

    Raises:
        SdkMissing: azure-identity is not installed.
    """
    return load_sdk("azure.identity.aio", "azure-identity").DefaultAzureCredential()


def blocking_credential() -> Any:
    """azure-identity's default credential for clients that block.

    Raises:
        SdkMissing: azure-identity is not installed.
    """
    return load_sdk("azure.identity", "azure-identity").DefaultAzureCredential()


def token_provider(scope: str) -> Callable[[], Awaitable[str]]:
    """Return the function by which a client gets a new token when it needs one.

    Raises:
        SdkMissing: azure-identity is not installed.
    """
    provider: Callable[[], Awaitable[str]] = load_sdk("azure.identity.aio", "azure-identity").get_bearer_token_provider(
        default_credential(), scope
    )
    return provider
