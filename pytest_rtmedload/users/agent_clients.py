"""The measured clients of one virtual user: made when the test first uses them, closed when the user ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pytest_rtmedload.clients.connecting import Connecting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rtmedload.clients.cookies import Cookies
    from pytest_rtmedload.clients.http.client import HttpClient
    from pytest_rtmedload.clients.observe.observer import ClientObserver
    from pytest_rtmedload.clients.recorder import SampleRecorder
    from pytest_rtmedload.clients.websocket.client import WebSocketClient
    from pytest_rtmedload.users.shared_context import SharedContext

C = TypeVar("C")


class NeedsAgent(BaseException):
    """Raised by the first relative URL while no agent is known: the load test starts over once there is one."""


class AgentClients:
    """HTTP client, WebSockets and observed clients of one virtual user.

    Args:
        recorder: keeps their samples.
        shared: what all users of the load test share.
    """

    def __init__(self, recorder: SampleRecorder, shared: SharedContext) -> None:
        self._recorder = recorder
        self._shared = shared
        self._http: HttpClient | None = None
        self._cookies: Cookies | None = None
        self._sockets: list[WebSocketClient] = []
        self._observer: ClientObserver | None = None

    @property
    def http(self) -> HttpClient:
        """The HTTP client, with connections of its own."""
        if self._http is None:
            from pytest_rtmedload.clients.http.client import HttpClient  # noqa: PLC0415 - where it is used

            self._http = HttpClient(
                self._recorder,
                base_url=self._base_url,
                headers_for=self._headers_for,
                timeout=self._shared.timeout,
                redact=self._shared.settings.redact,
                verify=self._shared.settings.verify,
                addresses=self._shared.settings.addresses,
                cookies=self._cookie_jar(),
            )
        return self._http

    def websocket(self, url: str, name: str | None, options: Mapping[str, Any]) -> WebSocketClient:
        """A WebSocket, not connected yet."""
        from pytest_rtmedload.clients.websocket.client import WebSocketClient  # noqa: PLC0415 - where it is used

        socket = WebSocketClient(self._recorder, url, name=name, **{**self.connecting._asdict(), **options})
        self._sockets = [*(one for one in self._sockets if one.is_open), socket]
        return socket

    def observe(self, client: C) -> C:
        """Measure a client of the test's own."""
        from pytest_rtmedload.clients.observe.observer import ClientObserver  # noqa: PLC0415 - where it is used

        if self._observer is None:
            self._observer = ClientObserver(self._recorder, redact=self._shared.settings.redact)
        return self._observer.observe(client)

    @property
    def connecting(self) -> Connecting:
        """How WebSocket clients reach the agent."""
        settings = self._shared.settings
        return Connecting(
            self._ws_base_url,
            self._headers_for,
            settings.redact,
            self._shared.timeout,
            settings.verify,
            settings.addresses,
            self._cookie_jar(),
        )

    def _cookie_jar(self) -> Cookies:
        """One user has one set of cookies, whichever client it uses."""
        if self._cookies is None:
            from pytest_rtmedload.clients.cookies import Cookies  # noqa: PLC0415 - where it is used

            self._cookies = Cookies()
        return self._cookies

    async def aclose(self) -> None:
        """Close all connections, and leave observed clients as they were."""
        if self._observer is not None:
            self._observer.stop()
        for socket in self._sockets:
            await socket.close()
        if self._http is not None:
            await self._http.aclose()

    def _ws_base_url(self) -> str:
        return self._shared.settings.ws_host or self._base_url()

    def _base_url(self) -> str:
        url = self._shared.agent_url
        if url is None:
            raise NeedsAgent
        return url

    def _headers_for(self, origin: str) -> Mapping[str, str]:
        """The headers given by options, which may hold credentials: they are sent to the agent and nowhere else."""
        settings = self._shared.settings
        urls = filter(None, (self._shared.agent_url, settings.ws_host))
        return settings.headers if any(same_origin(url, origin) for url in urls) else {}


def same_origin(one: str, other: str) -> bool:
    """True when two URLs have the same scheme, host and port; a WebSocket has those of its HTTP handshake."""

    def origin(url: str) -> tuple[str, str | None, int]:
        parts = urlsplit(url)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        return scheme, parts.hostname, parts.port or {"https": 443}.get(scheme, 80)

    return origin(one) == origin(other)
