"""The answers: a completion, the chunks of a stream, the list of models.

The rule: the official client can read all of it. One field is ours, and the client keeps it as `model_extra`:
`x_sent_ns` in every chunk with a token, the service's `time.perf_counter_ns` just before the chunk was handed to the
transport. On the same machine the client's clock is the same, so the difference to the time of receipt is the client's
own delay.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

FINGERPRINT: Final = "fp_rtmedload_embedded"
DONE: Final = b"data: [DONE]\n\n"
MALFORMED: Final = b'data: {"id":"chatcmpl-broken","choices":[{"delta":{"content":"\n\n'
"""A chunk whose JSON ends in the middle."""
DEFAULT_MODELS: Final = ("gpt-4o", "gpt-4o-mini")
"""Listed when every name exists."""
_SAFE: Final = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}


class TokenUsage(NamedTuple):
    """Tokens of a request."""

    prompt: int
    completion: int

    def to_json(self) -> dict[str, int]:
        """The wire form."""
        total = self.prompt + self.completion
        return {"prompt_tokens": self.prompt, "completion_tokens": self.completion, "total_tokens": total}


class Writer:
    """Writes the answer to one request. A stream's tokens are put together from bytes: this is done 50 × 50 times/s."""

    def __init__(self, request_id: str, model: str, azure: bool) -> None:
        self._about = {"created": int(time.time()), "model": model, "system_fingerprint": FINGERPRINT}
        self._id = f"chatcmpl-{request_id}"
        self._azure = azure
        begin = self._chunk([{"index": 0, "delta": {"content": None}, "logprobs": None, "finish_reason": None}])
        self._before, self._after = begin[: -len(b"}\n\n")].split(b'"content":null', 1)

    def completion(self, text: str, finish: str, usage: TokenUsage) -> bytes:
        """The whole answer at once."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice: dict[str, Any] = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        body = {"id": self._id, "object": "chat.completion", **self._about, "usage": usage.to_json()}
        if self._azure:
            choice["content_filter_results"] = _SAFE
            body["prompt_filter_results"] = _FILTERED_PROMPT
        return orjson.dumps({**body, "choices": [choice]})

    def opening(self) -> bytes:
        """What comes before the first token: on Azure the filter's chunk without choices, then the role."""
        filtered = _data({**_NOBODY, "prompt_filter_results": _FILTERED_PROMPT}) if self._azure else b""
        delta = {"role": "assistant", "content": "", "refusal": None}
        return filtered + self._chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])

    def token(self, piece: str, sent_ns: int) -> bytes:
        """One token."""
        content = b'%s"content":%s%s' % (self._before, orjson.dumps(piece), self._after)
        return b'%s,"x_sent_ns":%d}\n\n' % (content, sent_ns)

    def closing(self, finish: str, usage: TokenUsage | None) -> bytes:
        """What comes after the last token: why it was the last, the usage if asked for, and the end of the stream."""
        end = self._chunk([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish}])
        return end + (self._chunk([], usage=usage.to_json()) if usage else b"") + DONE

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        return _data({"id": self._id, "object": "chat.completion.chunk", **self._about, "choices": choices, **more})


def model_entry(name: str) -> dict[str, Any]:
    """One model."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "rtmedload-embedded"}


def model_list(names: Iterable[str]) -> dict[str, Any]:
    """All models."""
    return {"object": "list", "data": [model_entry(name) for name in names]}


def _data(content: dict[str, Any]) -> bytes:
    return b"data: %s\n\n" % orjson.dumps(content)


_NOBODY: Final = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
_FILTERED_PROMPT: Final = [{"prompt_index": 0, "content_filter_results": _SAFE}]
