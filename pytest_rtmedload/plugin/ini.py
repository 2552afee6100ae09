"""Values of the ini file as they are written there, whatever their type.

pytest 9 reads `[tool.pytest]` and `pytest.toml` with the types of TOML and refuses every value that is not of the type
an option was registered with; a number, a boolean or a list where a text was registered is then an error. Options of
load tests take each of them, so a value that pytest refuses is read from the file that pytest has read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pytest

_TOP_LEVEL: Final = ("pytest.toml", ".pytest.toml")
"""Files whose options stand under `[pytest]`; in others it is `[tool.pytest]`."""


def ini_value(config: pytest.Config, name: str) -> Any:
    """The value of an ini option in its own type; None when the file does not state it."""
    import pytest  # noqa: PLC0415 - as a module of every pytest run, this one imports nothing at the top

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
    import tomllib  # noqa: PLC0415 - only where pytest refuses a value

    content = tomllib.loads(path.read_text("utf-8"))
    table = content.get("pytest" if path.name in _TOP_LEVEL else "tool", {})
    return (table if path.name in _TOP_LEVEL else table.get("pytest", {})).get(name)
