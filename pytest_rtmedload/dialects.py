"""Wire formats of agent versions as data: paths, bodies, field names and the answers to wrong input.

The rule: no other module spells a path, a field or an expected status of an agent; it asks a `Dialect`. The embedded
agent obeys the same data, so what the suite expects and what the stand-in does cannot drift apart.
Standard library only: tests, the plugin and the embedded agent's processes all import this module.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = dict[str, Any]


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
    """Where an agent version serves what; `{id}` in `call_metrics` stands for the call."""

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
    """Field of the start-call body that carries scenario and priority; None: they stand beside the number."""
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
    """An IncomingCall event without `incomingCallContext`, so that nobody can answer it."""
    callbacks_not_json: FixedAnswer
    callbacks_malformed: FixedAnswer | None
    """An object instead of an array, or an event that lacks a CloudEvents attribute; None: taken leniently."""
    metrics_unknown_call: FixedAnswer
    """`{id}` in its text stands for the call."""

    def path_of(self, operation: Operation, call_id: str = "") -> str:
        """Path of an operation; `call_id` is needed for `CALL_METRICS` only."""
        path: str = getattr(self.paths, operation.value)
        return path.replace("{id}", call_id)

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


RTMEDAGENT = Dialect(
    name="rtmedagent",
    description="RTMedAgent under the paths of its load-test brief",
    paths=Paths(
        health="/health",
        start_call="/api/call",
        inbound="/api/call/inbound",
        callbacks="/call/callbacks",
        call_metrics="/api/call/{id}/metrics",
        realtime="/ws/realtime",
        call_stream="/ws/call/stream",
        relay="/ws/relay",
    ),
    replies=Replies.BRIEF,
    call_id_fields=("call_id", "callId"),
    inbound_call_id_fields=("call_id", "callId"),
    context_field=None,
    number_pattern=None,
    new_call_metrics=(200,),
    inbound_not_json=FixedAnswer(400, "detail", "Invalid request body"),
    inbound_not_array=FixedAnswer(400, "detail", "Invalid request body"),
    inbound_other=FixedAnswer(200, "status", "call answered"),
    inbound_without_code=FixedAnswer(400, "detail", "Invalid request body"),
    inbound_without_context=FixedAnswer(400, "detail", "Invalid request body"),
    callbacks_not_json=FixedAnswer(500, "error", "Expecting value: line 1 column 1 (char 0)"),
    callbacks_malformed=FixedAnswer(500, "error", "not a list of CloudEvents with id, source, type and specversion"),
    metrics_unknown_call=FixedAnswer(404, "detail", "Session '{id}' not found or has no metrics data"),
)
"""The paths of the brief, with the answers of the last unversioned backend.

`GET /api/call/{id}/metrics` never existed in a published backend. Its body here is that of today's
`/api/v1/metrics/session/{id}`: `session_id`, `call_connection_id`, `status`, `turn_count`, `latency_summary`, `turns` …
"""

ARTAGENT_V1 = Dialect(
    name="artagent-v1",
    description="ARTAgent with the /api/v1 of January 2026",
    paths=Paths(
        health="/api/v1/health",
        start_call="/api/v1/calls/initiate",
        inbound="/api/v1/calls/answer",
        callbacks="/api/v1/calls/callbacks",
        call_metrics="/api/v1/metrics/session/{id}",
        realtime="/api/v1/browser/conversation",
        call_stream="/api/v1/media/stream",
        relay="/api/v1/browser/dashboard/relay",
    ),
    replies=Replies.V1,
    call_id_fields=("call_id",),
    inbound_call_id_fields=("call_connection_id",),
    context_field="context",
    number_pattern=r"^\+[1-9]\d{1,14}$",
    new_call_metrics=(200, 404),
    inbound_not_json=FixedAnswer(500, "error", "Expecting value: line 1 column 1 (char 0)"),
    inbound_not_array=FixedAnswer(200, "status", "no events processed"),
    inbound_other=FixedAnswer(200, "status", "no events processed"),
    inbound_without_code=FixedAnswer(500, "error", "400: Validation code not found in event data"),
    inbound_without_context=FixedAnswer(500, "error", "400: Missing incoming call context"),
    callbacks_not_json=FixedAnswer(500, "error", "Expecting value: line 1 column 1 (char 0)"),
    callbacks_malformed=None,
    metrics_unknown_call=FixedAnswer(404, "detail", "Session '{id}' not found or has no metrics data"),
)
"""Today's ARTAgent. It keeps metrics per *session*, and knows none before media flowed: 404 is right for a new call."""

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (RTMEDAGENT, ARTAGENT_V1)}
DEFAULT_DIALECT = RTMEDAGENT.name


def dialect_named(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        ValueError: there is none; the text names the choices.
    """
    try:
        return DIALECTS[name]
    except KeyError:
        raise ValueError(f"no dialect {name!r}: choose one of {', '.join(DIALECTS)}") from None


VALIDATION_EVENT = "Microsoft.EventGrid.SubscriptionValidationEvent"
INCOMING_CALL = "Microsoft.Communication.IncomingCall"
CALL_CONNECTED = "Microsoft.Communication.CallConnected"
CALL_DISCONNECTED = "Microsoft.Communication.CallDisconnected"
PARTICIPANTS_UPDATED = "Microsoft.Communication.ParticipantsUpdated"
DTMF_TONE_RECEIVED = "Microsoft.Communication.ContinuousDtmfRecognitionToneReceived"
CLOUD_EVENT_ATTRIBUTES = ("id", "source", "type", "specversion")


def validation_event(code: str | None = "0B4E8A4B-0C5F-4B0E-9C39-1F2E3D4C5B6A") -> Json:
    """The event with which Event Grid asks an endpoint to prove itself; the agent answers `validationResponse`."""
    data = {} if code is None else {"validationCode": code}
    return _grid_event(VALIDATION_EVENT, "", data)


def incoming_call_event(caller: str, callee: str, *, context: str | None = "eyJhbGciOiJub25lIn0") -> Json:
    """The Event Grid event of an incoming call; send it in an array. Without `context` nobody can answer it."""
    data: Json = {
        "to": _phone(callee),
        "from": _phone(caller),
        "serverCallId": str(uuid.uuid4()),
        "callerDisplayName": "",
        "correlationId": str(uuid.uuid4()),
    }
    if context is not None:
        data["incomingCallContext"] = context
    return _grid_event(INCOMING_CALL, f"/phoneCall/caller/{caller}/recipient/{callee}", data)


def call_event(kind: str, call_id: str, **data: object) -> Json:
    """One ACS CloudEvent about a call; send it in an array. `data` are fields beside the ids."""
    source = f"calling/callConnections/{call_id}"
    return {
        "id": str(uuid.uuid4()),
        "source": source,
        "type": kind,
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "time": _now(),
        "subject": source,
        "data": {
            "version": "2024-09-15",
            "callConnectionId": call_id,
            "serverCallId": f"server-{call_id}",
            "correlationId": f"correlation-{call_id}",
            "operationContext": None,
            **data,
        },
    }


def call_connected(call_id: str) -> Json:
    """The call is up."""
    return call_event(CALL_CONNECTED, call_id, resultInformation={"code": 200, "subCode": 0, "message": ""})


def call_disconnected(call_id: str) -> Json:
    """The call is over."""
    return call_event(CALL_DISCONNECTED, call_id, resultInformation={"code": 200, "subCode": 0, "message": ""})


def participants_updated(call_id: str, numbers: Sequence[str], sequence: int = 1) -> Json:
    """Who takes part in the call now."""
    participants = [{"identifier": _phone(number), "isMuted": False, "isOnHold": False} for number in numbers]
    return call_event(PARTICIPANTS_UPDATED, call_id, sequenceNumber=sequence, participants=participants)


def dtmf_tone(call_id: str, tone: str, sequence: int = 1) -> Json:
    """A key was pressed: `zero` … `nine`, `a` … `d`, `pound` or `asterisk`."""
    return call_event(DTMF_TONE_RECEIVED, call_id, sequenceId=sequence, tone=tone)


def _grid_event(kind: str, subject: str, data: Json) -> Json:
    return {
        "id": str(uuid.uuid4()),
        "topic": "/subscriptions/00000000/providers/microsoft.communication/communicationservices/rtmedload",
        "subject": subject,
        "eventType": kind,
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": _now(),
        "data": data,
    }


def _phone(number: str) -> Json:
    return {"kind": "phoneNumber", "rawId": f"4:{number}", "phoneNumber": {"value": number}}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
