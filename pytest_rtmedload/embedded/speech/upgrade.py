"""Decides which requests get a WebSocket: routes, keys, quotas, and the faults before there is a connection.

The rule: an unknown path is 404, a wrong key 401, regardless of the faults that are set; only then can a quota (429) or
a fault refuse. Requests that are not an upgrade (`/_truth`, the list of voices) are answered by the same socket.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.datastructures import Headers
from websockets.http11 import Response

from pytest_rtmedload.embedded.speech.faults import Api, FaultKind, FaultPlan
from pytest_rtmedload.embedded.speech.ground_truth import PATH, SpeechTruth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.http11 import Request

    from pytest_rtmedload.embedded.speech.quota import Quota

VOICES_PATH: Final = "/voices/list"
VOICES: Final = [
    {
        "Name": "Microsoft Server Speech Text to Speech Voice (en-US, EmbeddedJoe)",
        "DisplayName": "Joe (embedded stand-in)",
        "LocalName": "Joe",
        "ShortName": "en-US-EmbeddedJoe",
        "Gender": "Male",
        "Locale": "en-US",
        "LocaleName": "English (United States)",
        "SampleRateHertz": "16000",
        "VoiceType": "Standard",
        "Status": "GA",
    }
]
RETRY_AFTER_S: Final = "1"
"""Sent with 429; the SDK ignores it."""
_RECOGNITION: Final = ("/speech/recognition/", "/speech/universal/")
_SYNTHESIS: Final = ("/cognitiveservices/websocket/",)


def api_of(url: str) -> Api | None:
    """The service of a path; the SDK uses a different prefix for each way to specify an address."""
    path = urlsplit(url).path.lower()
    if any(part in path for part in _RECOGNITION):
        return Api.STT
    return Api.TTS if any(part in path for part in _SYNTHESIS) else None


def session_of(request: Request) -> str:
    """The id that the application sees as its session."""
    return request.headers.get("X-ConnectionId", "")


class UpgradeGate:
    """Answers every HTTP request of the service."""

    def __init__(
        self, key: str, quotas: Mapping[Api, Quota], faults: Mapping[Api, FaultPlan], truth: SpeechTruth
    ) -> None:
        self._key = key.encode()
        self._quotas = quotas
        self._faults = faults
        self._truth = truth

    def answer(self, request: Request, now: int) -> Response | Held | None:
        """A response instead of the upgrade; None: upgrade."""
        path = urlsplit(request.path)
        if path.path == PATH:
            since = parse_qs(path.query).get("since", ["0"])[0]
            return _json(self._truth.since(int(since) if since.isdecimal() else 0))
        api = api_of(request.path)
        answer = self._answer(api, path.path, request, now)
        if api is not None:
            told = "101" if answer is None else str(answer.status_code) if isinstance(answer, Response) else "never"
            self._truth.upgrades[f"{api} {told}"] += 1
        return answer

    def _answer(self, api: Api | None, path: str, request: Request, now: int) -> Response | Held | None:
        if api is None and not path.lower().endswith(VOICES_PATH):
            return _refusal(HTTPStatus.NOT_FOUND, "There is no such resource")
        if not self._knows(request.headers):
            return _refusal(HTTPStatus.UNAUTHORIZED, "The key or token is not that of this service")
        if api is None:
            return Held(_json(VOICES))  # the SDK loses the answer when the connection ends right behind it
        if self._quotas[api].reached(now):
            return _refusal(HTTPStatus.TOO_MANY_REQUESTS, "The quota is used up")
        fault = self._faults[api].next_connection()
        if fault is None:
            return None
        return HELD if fault.kind is FaultKind.NO_UPGRADE else _refusal(HTTPStatus(int(fault.value)), "Injected fault")

    def _knows(self, headers: Headers) -> bool:
        """The key itself, or as a token; azure-identity's tokens come as `aad#RESOURCE#TOKEN`."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        given = [headers.get("Ocp-Apim-Subscription-Key", "")]
        given += [token.strip().rpartition("#")[2]] if scheme.lower() == "bearer" else []
        return any(hmac.compare_digest(one.encode(), self._key) for one in given)


class Held(NamedTuple):
    """The connection stays open until the client closes it, regardless of the answer."""

    response: Response | None = None
    """None: the answer never comes."""


HELD: Final = Held()


def _refusal(status: HTTPStatus, text: str) -> Response:
    retry = {"Retry-After": RETRY_AFTER_S} if status is HTTPStatus.TOO_MANY_REQUESTS else {}
    return _response(status, "text/plain; charset=utf-8", text.encode(), retry)


def _json(value: object) -> Response:
    return _response(HTTPStatus.OK, "application/json; charset=utf-8", orjson.dumps(value), {})


def _response(status: HTTPStatus, kind: str, body: bytes, more: Mapping[str, str]) -> Response:
    headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close", **more}
    return Response(status, status.phrase, Headers(headers), body)
