"""Requests: a route of OpenAI, Azure deployments or Azure's `/openai/v1`, and the body of a chat completion.

The rule: unsupported features (several choices, JSON mode, forced tools) are refused by name, never answered in some
other way. Parameters that only shape the text (`temperature`, `seed`, …) are accepted and have no effect.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs

import orjson

from pytest_rtmedload.embedded.llm.errors import invalid, no_such_path, wrong_key, wrong_method

if TYPE_CHECKING:
    from collections.abc import Iterable

CHAT: Final = "chat"
MODELS: Final = "models"
_PATH: Final = re.compile(
    r"(?P<surface>/v1|/openai/v1|/openai(?:/deployments/(?P<deployment>[^/]+))?)"
    r"/(?P<what>chat/completions|models(?:/(?P<model>[^/]+))?)"
)


class Route(NamedTuple):
    """The route of a request: its operation, the name in it, and the format of the answer."""

    what: str
    """`CHAT` or `MODELS`."""
    name: str | None
    """The deployment, or the requested model."""
    azure: bool


def is_azure(path: str) -> bool:
    """True if the client expects Azure's format."""
    return path.startswith("/openai/")


def route(method: str, path: str, query: bytes) -> Route:
    """Match a request to a route.

    Raises:
        ApiError: no route matches.
    """
    match = _PATH.fullmatch(path)
    classic = match is not None and match["surface"] not in ("/v1", "/openai/v1")
    what = CHAT if match is not None and match["what"].startswith("chat") else MODELS
    if match is None or (classic and (what is CHAT) != (match["deployment"] is not None)):
        raise no_such_path(path)
    if classic and "api-version" not in parse_qs(query.decode("latin-1")):
        raise no_such_path(f"{path} without api-version")
    if method != (allowed := "POST" if what is CHAT else "GET"):
        raise wrong_method(method, allowed)
    return Route(what, match["deployment"] or match["model"], is_azure(path))


def authenticate(headers: Iterable[tuple[bytes, bytes]], key: str) -> None:
    """Check that a request has the key, as `api-key` or as a bearer token.

    Raises:
        ApiError: it does not have the key.
    """
    for name, value in headers:
        given = value.removeprefix(b"Bearer ") if name == b"authorization" else value if name == b"api-key" else None
        if given is not None and hmac.compare_digest(given, key.encode()):
            return
    raise wrong_key()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request for a chat completion."""

    model: str
    turns: list[tuple[str, str]]
    """Role and text of each message."""
    limit: int | None
    """Maximum number of tokens of the reply."""
    stream: bool
    include_usage: bool

    @classmethod
    def parse(cls, body: bytes, deployment: str | None) -> ChatRequest:
        """Read a request's body.

        Raises:
            ApiError: it is invalid or uses an unsupported feature; the message names the parameter.
        """
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError:
            asked = None
        if not isinstance(asked, dict):
            raise invalid("We could not parse the JSON body of your request: it must be an object.")
        model = deployment or asked.get("model")
        if not isinstance(model, str) or not model:
            raise invalid("you must provide a model parameter", "model")
        _refuse_unserved(asked)
        stream = asked.get("stream") or False
        options = asked.get("stream_options") or {}
        if options and not stream:
            raise invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
        return cls(model, _turns(asked.get("messages")), _limit(asked), stream, options.get("include_usage") is True)


def _refuse_unserved(asked: dict[str, Any]) -> None:
    for name, served in (("n", (None, 1)), ("tool_choice", (None, "auto", "none")), ("logprobs", (None, False))):
        if asked.get(name) not in served:
            raise invalid(f"The embedded LLM does not serve {name}={asked[name]!r}.", name)
    form = asked.get("response_format")
    if form and form != {"type": "text"}:
        raise invalid("The embedded LLM answers text only: leave response_format out.", "response_format")
    for name, kind in (("stream", bool), ("stream_options", dict)):
        if asked.get(name) is not None and not isinstance(asked[name], kind):
            raise invalid(f"Invalid type for '{name}'.", name)


def _limit(asked: dict[str, Any]) -> int | None:
    limits = []
    for name in ("max_tokens", "max_completion_tokens"):
        value = asked.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise invalid(f"Invalid '{name}': expected a whole number of at least 1.", name)
        limits.append(value)
    return min(limits, default=None)


def _turns(messages: Any) -> list[tuple[str, str]]:  # any JSON
    if not isinstance(messages, list) or not messages:
        raise invalid("Invalid 'messages': expected a list with at least one message.", "messages")
    return [_turn(message, f"messages[{index}]") for index, message in enumerate(messages)]


def _turn(message: Any, where: str) -> tuple[str, str]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise invalid(f"Missing required parameter: '{where}.role'.", f"{where}.role")
    content = message.get("content")
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        content = " ".join(str(part.get("text", "")) for part in content)
    if content is None and message["role"] == "assistant":  # it called tools
        content = ""
    if not isinstance(content, str):
        raise invalid(f"Invalid type for '{where}.content': expected a string or a list of parts.", f"{where}.content")
    return message["role"], content
