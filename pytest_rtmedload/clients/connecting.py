"""What a virtual user knows about reaching the agent."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_rtmedload.clients.cookies import Cookies


class Connecting(NamedTuple):
    """How a user's WebSocket clients reach the agent."""

    base_url: Callable[[], str]
    """The base of relative URLs; may raise while no agent is known."""
    headers_for: Callable[[str], Mapping[str, str]]
    """The headers of the options for an origin, which may hold credentials."""
    redact: Callable[[str], str]
    """Takes secrets out of what the agent says."""
    timeout: float
    """Seconds one operation may take."""
    verify: bool | str = True
    """True to check certificates, or a PEM file of additional authorities to trust."""
    addresses: Mapping[tuple[str, int], str] = MappingProxyType({})
    """Host and port → the address to connect to, where a name is not to be looked up."""
    cookies: Cookies | None = None
    """Cookies received by the user's HTTP requests; sent with the handshake."""
