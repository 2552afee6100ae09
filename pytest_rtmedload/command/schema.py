"""`pytest-rtmedload schema`: prints the JSON Schema of a result."""

from __future__ import annotations

import json
import sys

from pytest_rtmedload.report.json_report import schema


def show() -> int:
    """Print it."""
    sys.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
    return 0
