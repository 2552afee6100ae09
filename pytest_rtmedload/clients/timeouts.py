"""Detects time-outs of any client: the sample of a time-out is censored, so it cannot improve a percentile.

The rule: recognised are Python's own class, the errors of this package that say so, and, as no client is imported for
this, the names that clients give to their classes. One time-out among the causes is enough: the caller has waited. An
answer that says so (HTTP 408, 504) is an answer. An outcome of the test itself (`pytest.fail`) stays what it is.
"""

from __future__ import annotations

import errno
import re
from typing import Final

from pytest_rtmedload.clients.causes import links

_NAME: Final = re.compile(r"(Timeout|TimeoutError|TimeoutException|TimeoutExpired|TimedOut|TimedOutError)\Z|timeout\Z")
"""Such as `ReadTimeout` (httpx, requests), `APITimeoutError` (openai), `ServiceResponseTimeoutError` (azure)."""
_NAMES: Final = frozenset({"DeadlineExceeded", "TooSlowError"})
"""Of google-api-core, and of trio."""
_NO_TIMEOUTS: Final = frozenset({"GatewayTimeout", "HTTPGatewayTimeout", "HTTPRequestTimeout", "NewConnectionError"})
"""Answers; and a refused connection, which old releases of urllib3 derive from `ConnectTimeoutError`."""


def time_out_in(error: BaseException | None) -> BaseException | None:
    """The time-out among an exception and its causes, the nearest one; None without one."""
    if not isinstance(error, Exception | BaseExceptionGroup):  # `pytest.fail`, Ctrl-C, a cancellation
        return None
    return next((link for link in links(error) if isinstance(link, Exception) and _is_time_out(link)), None)


def _is_time_out(error: Exception) -> bool:
    if isinstance(error, TimeoutError) or getattr(error, "censored", False) is True:
        return True
    if isinstance(error, OSError) and error.errno == errno.ETIMEDOUT:
        return True
    for cls in type(error).__mro__:
        if cls.__name__ in _NO_TIMEOUTS:
            return False
        if cls.__name__ in _NAMES or _NAME.search(cls.__name__):
            return True
    return False
