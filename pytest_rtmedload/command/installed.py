"""What is installed: the plugin, its dependencies, and what each missing extra would enable."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING, Final

from pytest_rtmedload.command.findings import Finding, limit, well

if TYPE_CHECKING:
    from collections.abc import Iterator

US: Final = "pytest-rtmedload"
ENABLES: Final = {
    "embedded": "the embedded agent and its services",
    "backends": "tests of Redis, language model, Cosmos DB and Speech through their official clients",
    "xdist": "one load test driven by several processes (-n)",
}
_SHOWN: Final = ("pytest", "pytest-asyncio", "numpy", "pyreqwest", "picows")


def look_at_packages() -> Iterator[Finding]:
    """The findings."""
    ours = version(US)
    yield well("version", f"{US} {ours or 'from a source tree'}, Python {platform.python_version()}")
    yield well("packages", ", ".join(f"{name} {version(name) or 'missing'}" for name in _SHOWN))
    for extra, enables in ENABLES.items():
        yield _extra(extra, enables)


def _extra(extra: str, enables: str) -> Finding:
    needed = packages_of(extra)
    if not needed:
        return limit(
            f"[{extra}]", "not defined by the installed package", f"install again: pip install '{US}[{extra}]'"
        )
    missing = [name for name in needed if version(name) is None]
    if missing:
        return limit(f"[{extra}]", f"without {', '.join(missing)}: no {enables}", f"pip install '{US}[{extra}]'")
    return well(f"[{extra}]", f"{', '.join(f'{name} {version(name)}' for name in needed)}: {enables}")


def packages_of(extra: str) -> list[str]:
    """The packages of an extra on this platform, according to the installed metadata."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - 20 ms; comes with pytest

    try:
        lines = importlib.metadata.requires(US) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    named = (Requirement(line) for line in lines)
    return [
        need.name
        for need in named
        if need.marker and not need.marker.evaluate({"extra": ""}) and need.marker.evaluate({"extra": extra})
    ]


def version(package: str) -> str | None:
    """The installed version; None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
