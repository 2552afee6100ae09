"""Where the standard suite is: `suite/` in an installed package, `tests/load` in a checkout.

The build of the wheel copies one to the other, so they cannot differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest_rtmedload

PACKAGE: Final = Path(pytest_rtmedload.__file__).parent
PLACES: Final = (PACKAGE / "suite", PACKAGE.parent / "tests" / "load")


def suite_files() -> dict[str, bytes]:
    """Path within the suite → content; empty when this installation does not contain the suite."""
    source = next((place for place in PLACES if (place / "conftest.py").is_file()), None)
    if source is None:
        return {}
    return {path.relative_to(source).as_posix(): path.read_bytes() for path in sorted(source.rglob("*.py"))}
