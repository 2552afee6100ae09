"""Single samples, for analysis outside this plugin: only with `--load-samples`.

They are written as they arrive and never merged or kept, so they are sent separately from the recording, as arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NOBODY = -1
"""Index of the user of an arrival that no user began."""
PHASE, USER, INTENDED, START, END = range(5)
"""Columns of `SampleRows.rows`."""


class SampleRows(NamedTuple):
    """Samples of one series, in the order in which they ended."""

    metric: str
    tag: str
    outcome: str
    call: str
    """The call they were made in; empty outside of calls."""
    phases: tuple[str, ...]
    """The phases by number."""
    rows: NDArray[np.int64]
    """Number of the phase, index of the user or `NOBODY`, then intended start, start and end in nanoseconds
    since the start line."""
    open: bool
    """True for the open model, where the response time counts from the intended start."""
