"""Opens a WebSocket connection, or says in one line why there is none.

A cancelled or timed-out handshake leaves nothing behind: picows keeps a socket that waits for its 101, so the socket
is made here and shut down from here. No proxy, no redirects, no compression.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import ipaddress
import logging
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

from picows import ws_connect

from pytest_rtmedload.clients.encoding import to_headers
from pytest_rtmedload.clients.errors import InvalidURL, ReadError, RemoteProtocolError
from pytest_rtmedload.clients.http.native import user_agent
from pytest_rtmedload.clients.urls import locate
from pytest_rtmedload.clients.websocket.connection import Connection
from pytest_rtmedload.clients.websocket.loss import MOST_MESSAGE, Failed, NotInTime, explained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from picows import WSListener, WSParsedURL, WSTransport
    from pyreqwest.http import Url

    Opened = tuple[WSTransport, WSListener]

_SCHEMES: Final = {"http": "ws", "https": "wss"}
_SILENT: Final = logging.getLogger(f"{__name__}.picows")  # its messages are in samples and errors
_SILENT.setLevel(logging.CRITICAL + 1)
_QUIET: Final = logging.LoggerAdapter(_SILENT, {})  # for a plain logger picows creates a child per connection
_LEAVING: Final = 1.0  # seconds in which an abandoned connection must end; it takes a few turns of the loop

_contexts: dict[bool | str, ssl.SSLContext] = {}
_making_context = threading.Lock()


class WebSocketTarget(NamedTuple):
    """Where a connection leads."""

    url: Url
    """http or https."""
    path: str
    """As it was written."""

    @property
    def shown(self) -> str:
        """The URL without credentials, query and fragment, for messages."""
        return f"{_SCHEMES[self.url.scheme]}{self.url.origin_ascii[len(self.url.scheme) :]}{self.url.path}"


def find(url: str, base: Callable[[], str]) -> WebSocketTarget:
    """Where a URL leads: absolute, or relative to the base URL; http stands for ws, https for wss.

    Raises:
        InvalidURL: this is not the URL of a WebSocket.
    """
    location, path = locate(url, base)
    for http, ws in _SCHEMES.items():
        if location.scheme in (http, ws):
            return WebSocketTarget(location.with_scheme(http).with_fragment(None), path)
    raise InvalidURL(f"a WebSocket's URL begins with ws:// or wss://, not {location.scheme}://")


def dressed(
    target: WebSocketTarget, own: Mapping[str, str], headers: Mapping[str, str], subprotocols: Sequence[str]
) -> dict[str, str]:
    """The headers to send: those given, then the origin's own, then what neither names.

    Raises:
        ValueError: HTTP does not allow one of them, which is named.
    """
    url, sent = target.url, {"User-Agent": user_agent()}
    if url.username or url.password:
        login = f"{unquote(url.username)}:{unquote(url.password or '')}"
        sent["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    if subprotocols:
        sent["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
    for stronger in (own, headers):
        named = {name.lower() for name in stronger}
        sent = {name: value for name, value in sent.items() if name.lower() not in named} | dict(stronger)
    to_headers(sent)  # picows would send a line break as it is
    return sent


async def trust(target: WebSocketTarget, verify: bool | str) -> ssl.SSLContext | None:
    """What certificates are checked against, made once per process: it takes about 10 ms, so not in the loop's thread.

    Args:
        target: where to; plain connections need nothing.
        verify: whether to check certificates, or a PEM file of further authorities to trust.
    """
    if target.url.scheme == "http":
        return None
    return _contexts.get(verify) or await asyncio.to_thread(_context, verify)


async def shake_hands(
    target: WebSocketTarget,
    headers: Mapping[str, str],
    context: ssl.SSLContext | None,
    limit: float,
    addresses: Mapping[tuple[str, int], str],
) -> Connection:
    """Connect, ask for the upgrade and wait for the 101.

    Args:
        target: where to.
        headers: of the handshake.
        context: what certificates are checked against.
        limit: seconds it may take.
        addresses: host and port → the address to connect to, where a name is not to be looked up.

    Raises:
        NotInTime: it was not open within `limit` seconds.
        Failed: it could not be opened; has the reason.
    """
    sockets: list[socket.socket] = []

    async def dial(where: WSParsedURL) -> socket.socket:
        address = addresses.get((where.host.lower(), where.port), where.host)
        sockets.append(await _dial(address, where.port))
        return sockets[0]

    url = str(target.url.with_password(None).with_username("").with_scheme(_SCHEMES[target.url.scheme]))
    opening = asyncio.create_task(
        ws_connect(
            Connection,
            url,
            ssl_context=context,
            websocket_handshake_timeout=None,
            logger_name=_QUIET,
            enable_auto_pong=False,
            max_frame_size=MOST_MESSAGE,
            extra_headers=headers,
            max_redirects=0,
            socket_factory=dial,
            use_aiofastnet=False,
        )
    )
    try:
        done, _ = await asyncio.wait((opening,), timeout=limit)
    except asyncio.CancelledError:
        await _abandon(opening, sockets)
        raise
    if not done:
        await _abandon(opening, sockets)
        raise NotInTime
    connection = _opened(opening)
    offered = headers.get("Sec-WebSocket-Protocol", "").split(", ")
    if connection.subprotocol not in (None, *offered):
        await connection.close(1002, "", 0)
        raise Failed(RemoteProtocolError, "the subprotocol in the answer was not offered")
    return connection


async def _dial(host: str, port: int) -> socket.socket:
    """Connect to the first address that answers, in the order of the system."""
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, kind, protocol, _, address in await _addresses(loop, host, port):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            if failure is None or failure.errno == errno.EADDRNOTAVAIL:  # where the machine has no IPv6
                failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure or socket.gaierror


async def _addresses(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[Any]:
    with contextlib.suppress(ValueError):  # an address needs no name service and none of its threads
        version = ipaddress.ip_address(host).version
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _abandon(opening: asyncio.Task[Opened], sockets: list[socket.socket]) -> None:
    """Abandon a connection and wait for its end; picows cleans up by itself once the socket has ended."""
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    if not sockets:
        opening.cancel()
    await asyncio.wait((opening,), timeout=_LEAVING)
    if opening.done() and not opening.cancelled():
        opening.exception()  # otherwise asyncio logs an exception that was never retrieved


def _opened(opening: asyncio.Task[Opened]) -> Connection:
    error = opening.exception()
    if error is not None:
        raise explained(error)
    _, connection = opening.result()
    if not isinstance(connection, Connection):  # how picows reports it
        raise Failed(ReadError, "connection closed before the answer")
    return connection


def _context(verify: bool | str) -> ssl.SSLContext:
    with _making_context:
        if verify not in _contexts:
            context = ssl.create_default_context()
            if isinstance(verify, str):
                context.load_verify_locations(verify)
            elif not verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            _contexts[verify] = context
        return _contexts[verify]
