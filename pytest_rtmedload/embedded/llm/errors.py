"""Errors in the two shapes clients know: OpenAI's and Azure's.

The rule: an error has the text, status and code of the real service as far as those are public; it never repeats a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.llm.limits import Headers, Refusal


class Wording(NamedTuple):
    """The code and the message of an error in one of the shapes."""

    code: str | None
    message: str


class ApiError(Exception):
    """An answer that is not a success. `openai` and `azure` are how each of them words it."""

    def __init__(
        self,
        status: int,
        openai: Wording,
        azure: Wording | None = None,
        kind: str = "invalid_request_error",
        param: str | None = None,
        headers: Headers | None = None,
    ) -> None:
        super().__init__(openai.message)
        self.status = status
        self.headers = headers or []
        self._openai, self._azure, self._kind, self._param = openai, azure, kind, param

    def body(self, azure: bool) -> dict[str, Any]:
        """The JSON of the answer. The model behind Azure's gateway uses OpenAI's format."""
        if azure and self._azure is not None:
            return {"error": self._azure._asdict()}
        code, message = self._openai
        return {"error": {"message": message, "type": self._kind, "param": self._param, "code": code}}


def wrong_key() -> ApiError:
    """Neither `api-key` nor `Authorization: Bearer` had the service's key."""
    return ApiError(
        401,
        Wording("invalid_api_key", "Incorrect API key provided: it is not the key of the embedded LLM."),
        Wording(
            "401",
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for"
            " an active subscription and use a correct regional API endpoint for your resource.",
        ),
    )


def no_such_path(path: str) -> ApiError:
    """Nothing is served there, or the API version is missing."""
    return ApiError(
        404,
        Wording(None, f"Invalid URL: the embedded LLM serves chat completions and models, not {path}"),
        Wording("404", "Resource not found"),
    )


def wrong_method(method: str, allowed: str) -> ApiError:
    """A path that exists, with another method."""
    message = f"Not allowed to {method} on this path (only {allowed})."
    return ApiError(405, Wording(None, message), Wording("405", message), headers=[(b"allow", allowed.encode())])


def no_such_model(name: str) -> ApiError:
    """A model or deployment that `llm.models` does not have."""
    return ApiError(
        404,
        Wording("model_not_found", f"The model `{name}` does not exist or you do not have access to it."),
        Wording("DeploymentNotFound", f"The API deployment {name} for this resource does not exist."),
    )


def invalid(message: str, param: str | None = None) -> ApiError:
    """A request the service does not understand or does not support."""
    return ApiError(400, Wording(None, message), param=param)


def too_many(refusal: Refusal, model: str) -> ApiError:
    """A rate limit."""
    seconds = refusal.wait_ns / 1e9
    what = {"requests": "requests per min (RPM)", "tokens": "tokens per min (TPM)"}.get(
        refusal.unit, "requests at a time"
    )
    return ApiError(
        429,
        Wording(
            "rate_limit_exceeded",
            f"Rate limit reached for {model} on {what}: Limit {refusal.limit}. Please try again in {seconds:.3f}s.",
        ),
        Wording(
            "429",
            f"Requests to the embedded LLM have exceeded the limit of {refusal.limit} {what} of the deployment {model}."
            f" Please retry after {seconds:.0f} seconds.",
        ),
        kind=refusal.unit,
        headers=refusal.headers,
    )


def injected(fault: str) -> ApiError:
    """The fault `error` or `unavailable`."""
    message = f"The server had an error while processing your request (injected by llm.{fault}_rate)."
    if fault == "error":
        return ApiError(500, Wording(None, message), Wording("InternalServerError", message), kind="server_error")
    message = f"The engine is currently overloaded, please try again later (injected by llm.{fault}_rate)."
    return ApiError(503, Wording(None, message), Wording("ServiceUnavailable", message), kind="server_error")
