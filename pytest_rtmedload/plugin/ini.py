"""Values of the ini file in their own type.

pytest 9 reads `[tool.pytest]` and `pytest.toml` with TOML's types and rejects a value of another type than the
registered one: a number, a boolean or a list is an error where a text was registered. Options of load tests accept all
of them, so a value that pytest rejects is read from the file itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pytest

_TOP_LEVEL: Final = ("pytest.toml", ".pytest.toml")
"""Files with the table `[pytest]`; in others it is `[tool.pytest]`."""


def ini_value(config: pytest.Config, name: str) -> Any:
    """The value of an ini option in its own type; None if it is not set."""
    import pytest  # noqa: PLC0415 - every pytest run imports this module

    try:
        return config.getini(name)
    except (TypeError, ValueError, pytest.UsageError):  # TypeError up to pytest 9.1
        found = _native(config, name)
        if found is None:
            raise
        return found


def _native(config: pytest.Config, name: str) -> Any:
    """The value in a TOML file with native types."""
    path = config.inipath
    if path is None or path.suffix != ".toml":
        return None
    import tomllib  # noqa: PLC0415 - only where pytest rejects a value

    content = tomllib.loads(path.read_text("utf-8"))
    table = content.get("pytest" if path.name in _TOP_LEVEL else "tool", {})
    return (table if path.name in _TOP_LEVEL else table.get("pytest", {})).get(name)
