"""What a call raises; each is in the samples already and is not counted again."""

from __future__ import annotations


class CallError(Exception):
    """The call did not go as it should."""

    counted = True
    """The failure is a sample already."""


class CallEnded(CallError):  # noqa: N818 - what happened
    """The connection has ended."""


class NoAnswer(CallError, TimeoutError):  # noqa: N818 - what happened
    """The agent said nothing within the limit: a censored sample."""

    censored = True
    """The iteration it ends is known to be slower than what was waited, too."""
