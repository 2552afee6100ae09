"""What a dialect says about an agent version's REST interface, and which requests it refuses.

The rule: one `Dialect` answers every question of a test and of the embedded agent alike.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from pytest_rtmedload.dialects.events import call_connected, incoming_call_event, validation_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rtmedload.dialects.codec import Codec
    from pytest_rtmedload.dialects.voice import VoiceWire
    from pytest_rtmedload.dialects.wire import Json


class Operation(StrEnum):
    """The REST operations every dialect has, under its own paths."""

    HEALTH = "health"
    START_CALL = "start_call"
    INBOUND = "inbound"
    CALLBACKS = "callbacks"
    CALL_METRICS = "call_metrics"

    @property
    def method(self) -> str:
        """HTTP method of the operation, the same in every version."""
        return "GET" if self in (Operation.HEALTH, Operation.CALL_METRICS) else "POST"


class Replies(StrEnum):
    """Shape of the answers to valid requests."""

    BRIEF = "brief"
    """Short answers of the unversioned API; both `call_id` and `callId` name a call."""
    V1 = "v1"
    """The typed answers of `/api/v1`."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of an agent version; `{id}` in `call_metrics` and in the paths of calls is the id of the call."""

    health: str
    start_call: str
    inbound: str
    callbacks: str
    call_metrics: str
    realtime: str
    """WebSocket: browser conversation."""
    call_stream: str
    """WebSocket: bidirectional media of Azure Communication Services (ACS)."""
    relay: str
    """WebSocket: events for dashboards."""


@dataclass(frozen=True, slots=True)
class FixedAnswer:
    """What an agent version answers in one particular case: a status and a JSON object with one field."""

    status: int
    field: str
    text: str

    @property
    def body(self) -> Json:
        """The JSON object."""
        return {self.field: self.text}


@dataclass(frozen=True, slots=True)
class InvalidRequest:
    """A request that a healthy agent refuses, and the status it refuses it with."""

    name: str
    operation: Operation
    method: str
    path: str
    content: bytes
    """The body, sent as `application/json`; it need not be JSON."""
    status: int


@dataclass(frozen=True, slots=True)
class Dialect:
    """One agent version on the wire."""

    name: str
    description: str
    paths: Paths
    replies: Replies
    call_id_fields: tuple[str, ...]
    """Fields of the answer to a started call that may carry its id, best first."""
    inbound_call_id_fields: tuple[str, ...]
    """The same for the answer to an incoming call; older agents name no call there."""
    context_field: str | None
    """Field of the start-call body that carries scenario and priority; None: they are next to the number."""
    number_pattern: str | None
    """Regular expression a number must match; None: any string is a number."""
    new_call_metrics: tuple[int, ...]
    """Statuses that are right when the metrics of a call without turns are read."""
    inbound_not_json: FixedAnswer
    inbound_not_array: FixedAnswer
    inbound_other: FixedAnswer
    """An array without an event that matters."""
    inbound_without_code: FixedAnswer
    """A validation handshake without its code."""
    inbound_without_context: FixedAnswer
    """An IncomingCall event without `incomingCallContext`, which cannot be answered."""
    callbacks_not_json: FixedAnswer
    callbacks_malformed: FixedAnswer | None
    """An object instead of an array, or an event that lacks a CloudEvents attribute; None: taken leniently."""
    metrics_unknown_call: FixedAnswer
    """`{id}` in its text stands for the call."""
    voice: VoiceWire
    """The three sockets."""
    targets: tuple[str, ...] = ()
    """Targets that replace those of the tests for agents of this version, in the form of `--load-target`."""

    def variant(
        self,
        name: str,
        description: str,
        *,
        paths: Mapping[str, str] | None = None,
        phone: type[Codec] | None = None,
        browser: type[Codec] | None = None,
        **changes: Any,
    ) -> Dialect:
        """A dialect that differs from this one in what is given.

        Args:
            name: what `--load-dialect` finds it by.
            description: one line.
            paths: fields of `Paths` that differ.
            phone: how a caller speaks and listens on `call_stream`, instead of ACS's media protocol.
            browser: the same on `realtime`.
            **changes: other fields of `Dialect`.
        """
        voice = changes.pop("voice", self.voice)
        if phone is not None:
            voice = replace(voice, phone=replace(voice.phone, codec=phone, id_in_query=None))
        if browser is not None:
            voice = replace(voice, browser=replace(voice.browser, codec=browser, id_in_query=None))
        own = replace(self.paths, **(paths or {}))
        return replace(self, name=name, description=description, paths=own, voice=voice, **changes)

    def path_of(self, operation: Operation, call_id: str = "") -> str:
        """Path of an operation; `call_id` is needed for `CALL_METRICS` only."""
        path: str = getattr(self.paths, operation.value)
        return path.replace("{id}", call_id)

    def phone_path(self, call_id: str) -> str:
        """Path and query of the media socket of a phone call."""
        return _socket(self.paths.call_stream, self.voice.phone.id_in_query, call_id)

    def browser_path(self, call_id: str) -> str:
        """Path and query of the browser's socket."""
        return _socket(self.paths.realtime, self.voice.browser.id_in_query, call_id)

    def call_id_of(self, reply: Mapping[str, Any]) -> str:
        """The id of the call in the answer to a started or an incoming call.

        Raises:
            ValueError: no field that may carry the id is there.
        """
        fields = (*self.call_id_fields, *self.inbound_call_id_fields)
        for field in fields:
            if value := reply.get(field):
                return str(value)
        raise ValueError(
            f"the answer names no call: {' or '.join(dict.fromkeys(fields))} expected, got {sorted(reply)}"
        )

    def start_call_body(
        self, number: str, *, scenario: str = "general_consultation", priority: str = "normal", language: str = "en-US"
    ) -> Json:
        """Body that starts an outbound call to `number` (E.164, for example `+15550100000`)."""
        context = {"agent_type": "medical", "scenario": scenario, "priority": priority, "language": language}
        if self.context_field is None:
            return {"target_number": number, **context}
        return {"target_number": number, self.context_field: context}

    def invalid_requests(self) -> tuple[InvalidRequest, ...]:
        """Everything a healthy agent of this version refuses; what a lenient version accepts is left out."""
        cases = [*self._invalid_starts(), *self._invalid_events(), *self._wrong_places()]
        return tuple(case for case in cases if case.status >= 400)

    def _case(self, name: str, operation: Operation, content: object, status: int) -> InvalidRequest:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return InvalidRequest(name, operation, operation.method, self.path_of(operation), body, status)

    def _invalid_starts(self) -> list[InvalidRequest]:
        bodies = {
            "no body": b"",
            "not JSON": b"{target_number",
            "an array": [],
            "no number": {"caller_number": "+15550100000"},
            "a number that is not a string": {"target_number": 15550100000},
            "a null number": {"target_number": None},
        }
        if self.number_pattern:
            bodies["a number without +"] = {"target_number": "5550100000"}
        return [self._case(f"start_call: {name}", Operation.START_CALL, body, 422) for name, body in bodies.items()]

    def _invalid_events(self) -> list[InvalidRequest]:
        bad_event = call_connected("x")
        del bad_event["type"]
        malformed = self.callbacks_malformed.status if self.callbacks_malformed else 200
        inbound: list[tuple[str, object, FixedAnswer]] = [
            ("not JSON", b"[{", self.inbound_not_json),
            ("an object", {"from": "+15550100000"}, self.inbound_not_array),
            ("validation without code", [validation_event(None)], self.inbound_without_code),
            (
                "call without context",
                [incoming_call_event("+15550100000", "+15550100001", context=None)],
                self.inbound_without_context,
            ),
        ]
        return [
            *(self._case(f"inbound: {name}", Operation.INBOUND, body, answer.status) for name, body, answer in inbound),
            self._case("callbacks: not JSON", Operation.CALLBACKS, b"[{", self.callbacks_not_json.status),
            self._case("callbacks: an object", Operation.CALLBACKS, call_connected("x"), malformed),
            self._case("callbacks: an event without type", Operation.CALLBACKS, [bad_event], malformed),
        ]

    def _wrong_places(self) -> list[InvalidRequest]:
        unknown = self.path_of(Operation.CALL_METRICS, str(uuid.UUID(int=0)))
        status = self.metrics_unknown_call.status
        wrong = {"GET": "POST", "POST": "GET"}
        return [
            InvalidRequest("call_metrics: unknown call", Operation.CALL_METRICS, "GET", unknown, b"", status),
            *(
                InvalidRequest(f"{op}: wrong method", op, wrong[op.method], self.path_of(op, "x"), b"", 405)
                for op in Operation
            ),
        ]


def _socket(path: str, parameter: str | None, call_id: str) -> str:
    """The id of the call is in the path, in a query parameter, or in neither."""
    query = f"?{urlencode({parameter: call_id})}" if parameter else ""
    return path.replace("{id}", quote(call_id, safe="")) + query
