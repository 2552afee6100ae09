"""Secrets never reach a report: known values are replaced wherever they occur, and everything that looks like a secret.

It is better to replace a harmless word than to publish a key.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "***"
_SHORTEST = 4  # replacing "1" or "on" everywhere would leave nothing to read

# A name is a list of words: `load.api-key` is secret, `llm.tokens_per_s` and `--keyboard` are not.
_WORDS = (
    r"(?:[A-Za-z0-9]*(?:key|token|secret|password|signature)"
    r"|sig|pwd|passwd|credentials?|auth|authorization|cookie|headers?|connection[-_.]?string)"
)
_NAME = rf"(?:[A-Za-z0-9]+[-_.])*{_WORDS}"
_PREFIXED = rf"(?:[A-Za-z0-9]+[-_.])+{_WORDS}"
_OPTION = re.compile(rf"--?{_NAME}$", re.IGNORECASE)
_OPTION_WITH_VALUE = re.compile(rf"((?:--?)?{_NAME})=(.*)$", re.IGNORECASE | re.DOTALL)
_HEADER_OPTION = re.compile(r"headers?$", re.IGNORECASE)
_HEADER = re.compile(r"([A-Za-z0-9-]+)\s*:")

_PATTERNS = (
    (re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/?#@]*(?:@[^\s/?#@]*)*@", re.IGNORECASE), rf"\1{MASK}@"),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{4,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"([?&]code=)[^\s&#\"']+", re.IGNORECASE), rf"\1{MASK}"),
    # name="value" in a line of source or a repr
    (re.compile(rf"(?<![A-Za-z0-9_.-])({_NAME}\s*=\s*[bfr]?([\"']))(?:(?!\2).)+", re.IGNORECASE), rf"\1{MASK}"),
    # name=value in a query or a connection string, but not a comparison, and not what a bracket holds
    (re.compile(rf"(?<![A-Za-z0-9_.-])((?:--?)?{_NAME}\s*=\s*)(?![=([{{])[^\s;&#\"']+", re.IGNORECASE), rf"\1{MASK}"),
    # "name": "value" in JSON or a dict's repr
    (re.compile(rf"([\"']{_NAME}[\"']\s*:\s*([\"']))(?:(?!\2).)+", re.IGNORECASE), rf"\1{MASK}"),
    # x-api-key: value, a header's line; of one word ("token: expired") it would be prose
    (re.compile(rf"(?<![A-Za-z0-9_.-])({_PREFIXED}\s*:\s+)[^\s,;\"']+", re.IGNORECASE), rf"\1{MASK}"),
)
_NAME_VALUE = 4  # the pattern of a name and a value without quotes: in a line of source that is a variable
_IN_BRACKETS = re.compile(rf"(?<![A-Za-z0-9_.-]){_NAME}[\"']?\s*[=:]\s*[(\[{{][^)\]}}]*", re.IGNORECASE)
_LITERAL = re.compile(r"([\"'])(?:(?!\1).)*\1")
_FRAME = re.compile(r"""\s*File ".*", line \d+""")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Replace secrets in a text by `***`.

    Args:
        text: anything that is about to be shown: an error, a URL, an answer.
        secrets: values known to be secret (of 4 characters or more), replaced literally and URL-encoded.

    Returns:
        The text without them, without credentials and signatures in URLs, and without `Bearer …`.
    """
    known = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
    for value in sorted(known, key=len, reverse=True):  # a secret may contain another
        text = text.replace(value, MASK)
    lines, frame = [], False
    for line in text.split("\n"):
        lines.append(_line(line, of_source=frame))
        frame = _FRAME.match(line) is not None  # a line of source follows: names in it are not values
    return "\n".join(lines)


def _line(line: str, *, of_source: bool) -> str:
    line = _IN_BRACKETS.sub(lambda match: _LITERAL.sub(rf"\1{MASK}\1", match[0]), line)
    for number, (pattern, replacement) in enumerate(_PATTERNS):
        if not of_source or number != _NAME_VALUE:
            line = pattern.sub(replacement, line)
    return line


def redact_command(args: list[str], secrets: Iterable[str] = ()) -> str:
    """The arguments as one line for a shell, with the values of secret options, headers and URLs replaced.

    A header keeps its name: `--load-header 'Authorization: ***'`.
    """
    known = tuple(secrets)
    shown: list[str] = []
    option = ""
    for arg in args:
        shown.append(_masked(option, arg) if option else _argument(arg, known))
        option = arg if _OPTION.match(arg) and not option else ""
    return shlex.join(shown)


def _argument(arg: str, secrets: tuple[str, ...]) -> str:
    whole = _OPTION_WITH_VALUE.match(arg)
    if whole:  # the value ends where the argument ends, blanks included
        return f"{whole[1]}={_masked(whole[1], whole[2])}"
    return redact(arg, secrets)


def _masked(option: str, value: str) -> str:
    header = _HEADER.match(value) if _HEADER_OPTION.search(option) else None
    return f"{header[1]}: {MASK}" if header else MASK


def _forms(secret: str) -> tuple[str, ...]:
    return secret, quote(secret, safe=""), quote_plus(secret)
