"""Shared by recognition and synthesis: configuration of the Speech SDK, and the meaning of its failures.

The rule: the SDK calls back on its own threads. A callback takes the time and posts to a mailbox, and refers to nothing
else: a reference to the recogniser would keep it alive, and freeing it blocks for up to ten seconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pytest_rtmedload.backends.errors import ServiceError, load_sdk, one_line, throttled
from pytest_rtmedload.backends.identity import blocking_credential
from pytest_rtmedload.spec.endpoints import DEFAULT_LANGUAGE, azure_host

if TYPE_CHECKING:
    from pytest_rtmedload.spec.endpoints import Endpoint

PACKAGE: Final = "azure-cognitiveservices-speech"
TICKS_PER_MS: Final = 10_000
CLOSING_S: Final = 3.0
"""A client that does not close in time is abandoned: it waits up to ten seconds for a service that is gone."""


def speech_sdk() -> Any:
    """The SDK.

    Raises:
        SdkMissing: it is not installed, or its native library does not load here.
    """
    return load_sdk("azure.cognitiveservices.speech", PACKAGE)


def speech_config(endpoint: Endpoint) -> Any:
    """Configuration of the SDK for a service: a region, a resource in Azure, a container or the embedded service.

    Raises:
        SdkMissing: the SDK does not load, or azure-identity is needed and missing.
        ServiceError: a region is configured without key and token.
    """
    sdk = speech_sdk()
    config = sdk.SpeechConfig(**_place(endpoint), **_credential(endpoint))
    if endpoint.token and not endpoint.key:
        resource = endpoint.options.get("resource_id")
        config.authorization_token = f"aad#{resource}#{endpoint.token}" if resource else endpoint.token
    config.speech_recognition_language = endpoint.options.get("language", DEFAULT_LANGUAGE)
    config.set_speech_synthesis_output_format(sdk.SpeechSynthesisOutputFormat.Raw16Khz16BitMonoPcm)
    if "voice" in endpoint.options:
        config.speech_synthesis_voice_name = endpoint.options["voice"]
    return config


def _place(endpoint: Endpoint) -> dict[str, str]:
    parts = urlsplit(endpoint.url)
    if not parts.scheme:
        return {"region": endpoint.url}
    if azure_host(endpoint.url) or parts.path.strip("/"):
        return {"endpoint": endpoint.url}
    secure = parts.scheme in ("https", "wss")
    return {"host": f"{'wss' if secure else 'ws'}://{parts.netloc}"}


def _credential(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.key:
        return {"subscription": endpoint.key}
    in_region = not urlsplit(endpoint.url).scheme
    if endpoint.token:
        return {"auth_token": endpoint.token} if in_region else {}
    if in_region:
        raise ServiceError(
            f"{endpoint.source} has no key: set SPEECH_KEY, or configure the resource with SPEECH_ENDPOINT"
        )
    return {"token_credential": blocking_credential()} if azure_host(endpoint.url) else {}


def cancelled(code: str, details: str) -> ServiceError:
    """The error that a cancellation stands for.

    Args:
        code: the name of its `CancellationErrorCode`.
        details: the SDK's description.
    """
    if code == "TooManyRequests":
        return throttled("the quota of this resource", 0.0)
    advice = _ADVICE.get(code)
    described = one_line(_NOISE.sub("", details) or "no details")
    message = f"{code}: {described}{f'; {advice}' if advice else ''}"
    return ServiceError(message, censored=code == "ServiceTimeout", passing=code in _PASSING)


_PASSING: Final = ("ServiceUnavailable", "ServiceError")
_NOISE: Final = re.compile(r" (?:USP state|Please check|Internal error).*", re.DOTALL)
"""Text that the SDK appends to every description."""
_ADVICE: Final = {
    "AuthenticationFailure": "check SPEECH_KEY, and that it belongs to this resource and region",
    "Forbidden": "check SPEECH_KEY and the permissions of the resource",
    "ConnectionFailure": "check SPEECH_ENDPOINT or SPEECH_REGION",
}
