"""One user's language model, through the official openai client.

The rule: the client's retries are switched off. Time to the first token is measured from passing the request to the
client to the first piece of text; the next piece of a broken stream is a failed sample, one that never came is
censored.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pytest_rtmedload.backends.errors import ServiceError, load_sdk, one_line, throttled, unreachable
from pytest_rtmedload.backends.identity import COGNITIVE_SCOPE, token_provider
from pytest_rtmedload.backends.llm_replies import Budget, Reply, advised, used_up
from pytest_rtmedload.backends.requests import Calls, in_our_words, user_behind
from pytest_rtmedload.results.recording import Outcome
from pytest_rtmedload.spec.endpoints import DEFAULT_API_VERSION, azure_host

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_rtmedload.backends.requests import Handle, User
    from pytest_rtmedload.spec.endpoints import Endpoint

PACKAGE: Final = "openai"
COMPLETION: Final = "llm.completion"
TTFT: Final = "llm.ttft"
INTER_TOKEN: Final = "llm.inter_token"  # noqa: S105 - the name of a metric
STREAM: Final = "llm.stream"
TOKENS_PER_S: Final = "llm.tokens_per_s"
EMBEDDED_MODEL: Final = "gpt-4o"
_ROLE: Final = "You are a medical assistant on the telephone. Answer in one or two short sentences."
_REMAINING: Final = {
    "llm.remaining_requests": "x-ratelimit-remaining-requests",
    "llm.remaining_tokens": "x-ratelimit-remaining-tokens",
}


class LlmUser(Calls):
    """One user's client, the model it talks to, and what a reply may cost."""

    def __init__(self, load: User, client: Any, model: str, budget: Budget = Budget()) -> None:  # noqa: B008 - frozen
        super().__init__(load, "llm", explain)
        self.client = client
        """The client of openai."""
        self.model = model
        self.budget = budget

    async def connect(self) -> None:
        """Make a first request, whose text is not needed."""
        await self.complete("Hello", metric="llm.connect", longest=self.budget.shortest, needs_text=False)

    async def complete(
        self,
        text: str,
        *,
        metric: str = COMPLETION,
        longest: int | None = None,
        throttling: bool = False,
        needs_text: bool = True,
    ) -> Reply:
        """Ask for a whole reply.

        Args:
            text: what the caller says.
            metric: as of `call`.
            longest: most tokens of the reply; those of the budget when not given.
            throttling: as of `call`.
            needs_text: whether a reply without text is a failure.

        Raises:
            ServiceError: there was none; `Throttled` when the quota is reached.
        """
        async with self.call(metric, throttling=throttling):
            raw = await self._chat.create(**self._request(text, longest))
            reply = Reply.of(raw.parse())
            self._tell_limits(raw.headers)
            if needs_text and not reply.text:
                raise ServiceError(reply.without_text)
        return reply

    async def stream(self, text: str) -> Reply:
        """Ask for a reply piece by piece.

        Records `llm.ttft`, `llm.inter_token` for each gap, `llm.stream` for the whole, and tokens per second.

        Raises:
            ServiceError: it did not come, or not completely; `Throttled` when the quota is reached.
        """
        reply, start = Reply(), time.perf_counter_ns()
        try:
            async with asyncio.timeout(self.deadline_s):
                await self._read(reply, start, text)
        except asyncio.CancelledError:
            self._owes(reply, start, Outcome.CENSORED)
            self.load.add(STREAM, start, time.perf_counter_ns(), Outcome.CENSORED)
            raise
        except Exception as error:
            found = self.explained(error)
            if found is None:
                raise
            self._owes(reply, start, Outcome.CENSORED if found.censored else Outcome.FAILED)
            raise self.failed(STREAM, start, found) from None
        self.load.add(STREAM, start, time.perf_counter_ns())
        if reply.tokens_per_s is not None:
            self.load.value(TOKENS_PER_S, reply.tokens_per_s, "/s")
        return reply

    async def _read(self, reply: Reply, start_ns: int, text: str) -> None:
        raw = await self._chat.create(stream=True, stream_options={"include_usage": True}, **self._request(text))
        self._tell_limits(raw.headers)
        async with raw.parse() as chunks:
            async for chunk in chunks:
                reply.count(chunk.usage)
                for choice in chunk.choices:
                    self._hear(reply, choice, start_ns)
        if reply.finished is None:
            raise ServiceError("the stream ended without finish_reason")
        if not reply.text:
            raise ServiceError(reply.without_text)
        reply.tokens = reply.tokens or len(reply.pieces_ns)

    def _hear(self, reply: Reply, choice: Any, start_ns: int) -> None:
        """Process a piece of the reply."""
        if choice.delta.content:
            now = time.perf_counter_ns()
            self.load.add(*_owed(reply, start_ns), now)
            reply.pieces_ns.append(now)
            reply.text += choice.delta.content
        reply.hear(choice.delta)
        reply.finished = choice.finish_reason or reply.finished

    def _owes(self, reply: Reply, start_ns: int, outcome: Outcome) -> None:
        """Record the piece of text that did not come."""
        self.load.add(*_owed(reply, start_ns), time.perf_counter_ns(), outcome)

    @property
    def _chat(self) -> Any:
        return self.client.chat.completions.with_raw_response

    def _request(self, text: str, longest: int | None = None) -> dict[str, Any]:
        messages = [{"role": "system", "content": _ROLE}, {"role": "user", "content": text}]
        return {"model": self.model, "messages": messages, **self.budget.arguments(longest or self.budget.tokens)}

    def _tell_limits(self, headers: Any) -> None:
        """Record the remaining quota, where the service reports it."""
        for name, header in _REMAINING.items():
            if headers.get(header, "").isdigit():
                self.load.value(name, float(headers[header]))


def _owed(reply: Reply, start_ns: int) -> tuple[str, int]:
    """Metric and start of the sample that the next piece of text ends."""
    return (INTER_TOKEN, reply.pieces_ns[-1]) if reply.pieces_ns else (TTFT, start_ns)


def client_of(endpoint: Endpoint, deadline_s: float) -> Any:
    """A client without retries.

    Raises:
        SdkMissing: openai is not installed, or azure-identity where it is needed.
    """
    openai = load_sdk("openai", PACKAGE)
    common: dict[str, Any] = {"max_retries": 0, "timeout": deadline_s + 1}
    if endpoint.embedded:
        common["http_client"] = openai.DefaultAsyncHttpxClient(trust_env=False)
    if speaks_azure(endpoint):
        version = endpoint.options.get("api_version", DEFAULT_API_VERSION)
        return openai.AsyncAzureOpenAI(
            azure_endpoint=endpoint.url, api_version=version, **_azure_credential(endpoint), **common
        )
    path = urlsplit(endpoint.url).path.strip("/")
    base_url = endpoint.url if path else f"{endpoint.url.rstrip('/')}/v1"
    return openai.AsyncOpenAI(base_url=base_url, api_key=endpoint.key or endpoint.token or "none", **common)


def speaks_azure(endpoint: Endpoint) -> bool:
    """True for an endpoint with deployments and API versions; Azure's `/openai/v1` has neither."""
    named_so = endpoint.embedded or endpoint.source.startswith("AZURE_") or azure_host(endpoint.url)
    return named_so and not urlsplit(endpoint.url).path.rstrip("/").endswith("/v1")


def _azure_credential(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.key:
        return {"api_key": endpoint.key}
    if endpoint.token:
        return {"azure_ad_token": endpoint.token}
    return {"azure_ad_token_provider": token_provider(COGNITIVE_SCOPE)}


def model_of(endpoint: Endpoint) -> str:
    """The deployment, or model, to use.

    Raises:
        ServiceError: none is configured.
    """
    model = endpoint.options.get("model") or (EMBEDDED_MODEL if endpoint.embedded else "")
    if not model:
        raise ServiceError(
            f"no model is configured beside {endpoint.source}: set AZURE_OPENAI_DEPLOYMENT, or OPENAI_MODEL"
        )
    return model


async def ask(endpoint: Endpoint, deadline_s: float) -> None:
    """Check that the model answers: a few tokens, which it may spend on reasoning.

    Raises:
        ServiceError: it does not; one line.
    """
    model, budget = model_of(endpoint), Budget.of(endpoint)
    request = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    try:
        async with client_of(endpoint, deadline_s) as client, in_our_words(explain, deadline_s):
            await client.chat.completions.create(**request, **budget.arguments(budget.shortest))
    except ServiceError as error:
        if not used_up(error):
            raise


@contextlib.asynccontextmanager
async def llm_user(load: User | Handle, endpoint: Endpoint) -> AsyncIterator[LlmUser]:
    """A user's model, connected: the client's first request takes half a second longer.

    Raises:
        ServiceError: no model is configured.
    """
    load = user_behind(load)
    async with client_of(endpoint, load.connecting.timeout) as client:
        user = LlmUser(load, client, model_of(endpoint), Budget.of(endpoint))
        await user.warm_up(user.connect)
        yield user


def explain(error: Exception) -> ServiceError | None:
    """The error that an exception of the client stands for."""
    openai, http = load_sdk("openai", PACKAGE), load_sdk("httpx2", PACKAGE)
    if isinstance(error, openai.APITimeoutError | http.TimeoutException):
        return ServiceError("no answer within the client's limit", censored=True)
    if isinstance(error, openai.APIConnectionError):
        return unreachable(error, "the endpoint, AZURE_OPENAI_ENDPOINT or OPENAI_ENDPOINT")
    if isinstance(error, openai.APIStatusError):
        return _refused(
            error.status_code,
            error.response.headers,
            one_line(error.message).removeprefix(_CODE.format(error.status_code)),
        )
    if isinstance(error, http.HTTPError):
        return ServiceError(f"the connection broke in the middle of the answer: {one_line(error)}", passing=True)
    if isinstance(error, json.JSONDecodeError):
        return ServiceError(f"the answer is not valid JSON: {one_line(error)}", passing=True)
    return ServiceError(one_line(error)) if isinstance(error, openai.OpenAIError) else None


def _refused(status: int, headers: Any, message: str) -> ServiceError:
    if status == 429:
        return throttled("the quota of this deployment", retry_after_s(headers))
    advice = _ADVICE.get(status)
    return ServiceError(f"HTTP {status}: {advice or advised(message)}", status=status)


_CODE: Final = "Error code: {} - "
_ADVICE: Final = {
    401: "the key or token was refused; check that AZURE_OPENAI_API_KEY or OPENAI_API_KEY belongs to this endpoint",
    403: "access is denied; check the role of the identity and the firewall of the resource",
    404: "no such deployment, model or path; check AZURE_OPENAI_DEPLOYMENT or OPENAI_MODEL, and the endpoint",
}


def retry_after_s(headers: Any) -> float:
    """Seconds that the service asks to wait; 0 if it does not."""
    for name, unit in (("retry-after-ms", 1000), ("x-ms-retry-after-ms", 1000), ("retry-after", 1)):
        with contextlib.suppress(ValueError, TypeError):
            return max(0.0, float(headers.get(name)) / unit)
    return 0.0
