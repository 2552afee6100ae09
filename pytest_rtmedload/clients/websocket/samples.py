"""Samples that the operations of one WebSocket record, and the matching exceptions.

Every method that returns an exception has recorded it before; `counted` is true if it is a sample.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.clients.errors import TimeoutException, TransportError
from pytest_rtmedload.clients.own_limits import count_own_limit
from pytest_rtmedload.clients.request import Request
from pytest_rtmedload.clients.urls import place
from pytest_rtmedload.clients.websocket.errors import ConnectionClosed, HandshakeRefused
from pytest_rtmedload.clients.websocket.loss import NO_CLOSE_FRAME
from pytest_rtmedload.clients.websocket_metrics import DROPPED
from pytest_rtmedload.results.recording import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from pytest_rtmedload.clients.errors import RequestError
    from pytest_rtmedload.clients.recorder import SampleRecorder
    from pytest_rtmedload.clients.websocket.handshake import WebSocketTarget
    from pytest_rtmedload.clients.websocket.loss import Failed, Loss

    _E = TypeVar("_E", bound=RequestError)

_OK: Final = Outcome.OK.value
_FAILED: Final = Outcome.FAILED.value
_CENSORED: Final = Outcome.CENSORED.value
_SHOWN: Final = 500
_READ: Final = 4_000  # more is redacted than shown: a secret that is cut in half is not recognised


class WebSocketSamples:
    """The samples and errors of one connection.

    Args:
        recorder: keeps them, and counts if it has a `count`.
        target: where the connection leads.
        name: stands for the path in messages.
        redact: takes secrets out of what the agent said.
    """

    def __init__(
        self, recorder: SampleRecorder, target: WebSocketTarget, name: str | None, redact: Callable[[str], str]
    ) -> None:
        self._recorder = recorder
        self._target = target
        self._name = name
        self._redact = redact
        self._dropped = False
        self._told_nobody = False

    def ok(self, metric: str, start_ns: int, end_ns: int) -> None:
        """An operation ended well."""
        self._recorder.add(metric, start_ns, end_ns, _OK)

    def cancelled(self, metric: str, start_ns: int) -> None:
        """Its caller stopped waiting: a censored sample."""
        self._recorder.add(metric, start_ns, perf_counter_ns(), _CENSORED)

    def late(self, metric: str, start_ns: int, reason: str) -> TimeoutException:
        """It did not end within its limit."""
        self.cancelled(metric, start_ns)
        return TimeoutException(self._error(metric, reason), request=self._request)

    def refused(self, metric: str, start_ns: int, failed: Failed) -> TransportError:
        """The connection could not be opened."""
        count_own_limit(self._recorder, failed.own)
        self._recorder.add(metric, start_ns, perf_counter_ns(), _FAILED)
        if failed.status:
            message = self._error(metric, failed.reason, self.shown(failed.body))
            return HandshakeRefused(message, request=self._request, status_code=failed.status)
        message = self._error(metric, f"{failed.reason} ({place(self._target.url)})")
        return failed.kind(message, request=self._request)

    def failed(self, kind: type[_E], metric: str, start_ns: int, reason: str, example: str) -> _E:
        """It failed for another reason than the end of the connection."""
        self._recorder.add(metric, start_ns, perf_counter_ns(), _FAILED)
        return kind(self._error(metric, reason, example), request=self._request)

    def cut(self, metric: str, start_ns: int, loss: Loss) -> ConnectionClosed:
        """The agent or the network ended the connection that it needs."""
        self.dropped()
        if self._told_nobody:  # that sample is this operation's
            self._told_nobody = False
            return self._closed(self._line(metric, self._ending(loss)), loss, counted=True)
        self._recorder.add(metric, start_ns, perf_counter_ns(), _FAILED)
        return self._closed(self._error(metric, self._ending(loss)), loss, counted=True)

    def cut_while_idle(self, metric: str, loss: Loss) -> None:
        """Like `cut`, while no operation was under way: it is a sample itself, and the next operation makes none."""
        now = perf_counter_ns()
        self.cut(metric, now, loss)
        self._told_nobody = True

    def left(self, metric: str, loss: Loss | None, *, counted: bool = False) -> ConnectionClosed:
        """This client has closed the connection: not recorded here."""
        return self._closed(self._line(metric, "closed by this client"), loss, counted=counted)

    def broken(self, metric: str, start_ns: int) -> None:
        """The caller's own code failed on what came; its exception is reported where it arrives."""
        self._recorder.add(metric, start_ns, perf_counter_ns(), _FAILED)

    def dropped(self) -> None:
        """The connection did not end as it should; counted once."""
        if not self._dropped:
            self._dropped = True
            count = getattr(self._recorder, "count", None)
            if count is not None:
                count(DROPPED)

    def reason_of(self, loss: Loss) -> str:
        """What the agent said, on one line and without secrets."""
        return " ".join(self._redact(loss.reason).split())

    def shown(self, said: str | bytes) -> str:
        """The beginning of what the agent said, for a report."""
        begun = said[:_READ]
        return self._redact(begun if isinstance(begun, str) else begun.decode(errors="replace"))[:_SHOWN]

    @property
    def _request(self) -> Request:
        return Request("GET", self._target.shown)

    def _ending(self, loss: Loss) -> str:
        reason = self.reason_of(loss)
        return f"{loss.text}: {reason}" if reason else loss.text

    def _closed(self, message: str, loss: Loss | None, *, counted: bool) -> ConnectionClosed:
        code, reason = (loss.code, self.reason_of(loss)) if loss else (NO_CLOSE_FRAME, "")
        return ConnectionClosed(message, request=self._request, code=code, reason=reason, counted=counted)

    def _error(self, metric: str, reason: str, example: str = "") -> str:
        message = self._line(metric, reason)
        self._recorder.error(message, example or f"GET {self._target.shown}")
        return message

    def _line(self, metric: str, reason: str) -> str:
        where = self._name or self._target.path
        return f"{metric}: {reason}" if metric == where else f"{metric} {where}: {reason}"
