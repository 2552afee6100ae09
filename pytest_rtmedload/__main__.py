"""`python -m pytest_rtmedload`, the same as `pytest-rtmedload`."""

from __future__ import annotations

import sys

from pytest_rtmedload.command.main import main

if __name__ == "__main__":
    sys.exit(main())
