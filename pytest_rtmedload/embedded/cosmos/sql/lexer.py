"""Query text → tokens.

The rule: any text that is not a token of the language is a syntax error that shows the character and its position.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from pytest_rtmedload.embedded.cosmos.errors import CosmosError

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
      | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<parameter>@\w+)
      | (?P<word>[^\W\d]\w*)
      | (?P<sign><=|>=|!=|<>|\|\||\?\?|<<|>>>|>>|[-=<>+*/%(),.\[\]{}:?&|^~])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


class Token(NamedTuple):
    """A word of the query and where it starts."""

    kind: str
    """`number`, `string`, `parameter`, `word`, `sign`, or `end`."""
    text: str
    start: int

    @property
    def keyword(self) -> str:
        """The word in capitals, the sign itself; empty for literals, which are never part of the grammar."""
        return self.text.upper() if self.kind in ("word", "sign") else ""


def syntax_error(message: str, start: int, end: int, code: str = "SC1001") -> CosmosError:
    """A 400 as the service words it: a list of errors with their places, as JSON in the message."""
    error = {"severity": "Error", "location": {"start": start, "end": end}, "code": code, "message": message}
    return CosmosError(400, f"Message: {json.dumps({'errors': [error]})}")


def unknown(what: str, token: Token) -> CosmosError:
    """A 400 for a construct of the language that is not supported here."""
    end = token.start + len(token.text)
    return syntax_error(f"the embedded Cosmos DB does not know {what}.", token.start, end, "SC2001")


def tokens(text: str) -> list[Token]:
    """All tokens of a query, followed by an `end`.

    Raises:
        CosmosError: 400, a character that starts no token.
    """
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise syntax_error(f"Syntax error, invalid token {text[at : at + 10]!r}.", at, at + 1)
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match[0], at))
        at = match.end()
    return [*found, Token("end", "", len(text))]


def string_value(token: Token) -> str:
    """The value of a string literal."""
    return _ESCAPED.sub(_unescape, token.text[1:-1])


def _unescape(match: re.Match[str]) -> str:
    escape = match[1]
    if escape[0] == "u" and len(escape) > 1:
        return chr(int(escape[1:], 16))
    return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}.get(escape, escape)


def number_value(token: Token) -> float:
    """The value of a number literal; an `int` where possible."""
    text = token.text.lower()
    if text.startswith("0x"):
        return int(text, 16)
    return int(text) if text.isdecimal() else float(text)
