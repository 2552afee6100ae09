"""The connection of a call: `ws.handshake` is measured here, and connections that end as they should not are counted.

What the end of a connection means for the call is the call's to say, so nothing else is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_rtmedload.clients.websocket.handshake import dressed, find
from pytest_rtmedload.clients.websocket.samples import WebSocketSamples
from pytest_rtmedload.clients.websocket.session import Session
from pytest_rtmedload.voice.turn_tracker import LOOP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_rtmedload.clients.recorder import SampleRecorder
    from pytest_rtmedload.clients.websocket.connection import Connection
    from pytest_rtmedload.clients.websocket.loss import Loss


class Line(Session):
    """One connection to a voice socket; connects once.

    Args:
        recorder: keeps the sample of the handshake.
        url: absolute, or relative to the base URL.
        base_url: gives what relative URLs are appended to.
        headers_for: gives the headers of an origin.
        headers: sent with the handshake.
        timeout: seconds that the handshake may take.
        redact: takes secrets out of what the agent says.
        verify: whether to check certificates, or a PEM file of further authorities to trust.
        addresses: host and port → the address to connect to, where a name is not to be looked up.
        call_id: shown as `{id}` where the path holds it, so that the messages of all calls are the same.
    """

    def __init__(  # noqa: PLR0913 - made in one place
        self,
        recorder: SampleRecorder,
        url: str,
        *,
        base_url: Callable[[], str],
        headers_for: Callable[[str], Mapping[str, str]],
        headers: Mapping[str, str],
        timeout: float,
        redact: Callable[[str], str],
        verify: bool | str = True,
        addresses: Mapping[tuple[str, int], str] | None = None,
        call_id: str = "",
    ) -> None:
        target = find(url, base_url)
        path = target.path.partition("?")[0]
        self.name = path.replace(quote(call_id, safe=""), "{id}") if call_id else path
        """The path, for messages."""
        self._headers = dressed(target, headers_for(target.url.origin_ascii), headers, ())
        self._tell: Callable[[Loss], None] | None = None
        super().__init__(target, WebSocketSamples(recorder, target, self.name, redact), timeout, LOOP, addresses)
        self._verify = verify

    async def connect(self, lost: Callable[[Loss], None]) -> Connection:
        """Connect; `lost` is called when the connection ends otherwise than by `close`, but not if it has ended by now.

        Raises:
            TransportError: there is no connection; recorded.
            RuntimeError: the second time.
        """
        await self.open(self._headers, self._verify)
        self._tell = lost
        return self.reading()

    def lost(self, loss: Loss) -> None:
        """The connection has ended."""
        if not self.closing and self._tell is not None:
            self._tell(loss)

    def describe(self, loss: Loss) -> str:
        """How it ended, on one line and without secrets."""
        reason = self.samples.reason_of(loss)
        return f"{loss.text}: {reason}" if reason else loss.text
