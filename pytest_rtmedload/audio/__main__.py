"""Lists the shipped recordings: `python -m pytest_rtmedload.audio`."""

from __future__ import annotations

import sys

from pytest_rtmedload.audio.library import clip, names, text_of


def main() -> int:
    """Print name, length and words of each recording."""
    for name in names():
        sys.stdout.write(f"{name:28} {clip(name).duration_ms / 1000:4.1f} s  {text_of(name)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
