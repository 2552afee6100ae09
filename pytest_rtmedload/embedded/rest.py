"""The five REST operations: the effect of a request on the sessions, and the answer.

The rule: a handler turns a body, and the id in the path where there is one, into a `RestReply`. It knows the dialect
and the session store, and nothing about connections or time: its caller adds latency and faults.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from pytest_rtmedload.dialects import (
    CALL_CONNECTED,
    CALL_DISCONNECTED,
    CLOUD_EVENT_ATTRIBUTES,
    DTMF_TONE_RECEIVED,
    INCOMING_CALL,
    PARTICIPANTS_UPDATED,
    VALIDATION_EVENT,
    Dialect,
    FixedAnswer,
    Json,
    Operation,
    Replies,
)
from pytest_rtmedload.embedded.validation import FIELD, RequestInvalid, start_call_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_rtmedload.embedded.sessions import SessionStore, StoredCall


class RestReply(NamedTuple):
    """A status and a JSON body."""

    status: int
    body: Json


class RestApi:
    """The operations of one dialect on one session store."""

    def __init__(self, dialect: Dialect, sessions: SessionStore) -> None:
        self._dialect = dialect
        self._sessions = sessions
        self._started = 0
        self.handlers: dict[Operation, Callable[[bytes, str], Awaitable[RestReply]]] = {
            Operation.HEALTH: self.health,
            Operation.START_CALL: self.start_call,
            Operation.INBOUND: self.inbound,
            Operation.CALLBACKS: self.callbacks,
            Operation.CALL_METRICS: self.call_metrics,
        }

    async def health(self, _body: bytes, _name: str) -> RestReply:
        """Health check; does not use any dependency, as in every version."""
        reply: Json = {"status": "healthy", "message": "Server is running!"}
        if self._dialect.replies is Replies.V1:
            reply |= {
                "version": "1.0.0",
                "timestamp": time.time(),
                "details": {"api_version": "v1", "service": "artagent-backend"},
                "active_sessions": 0,
                "session_metrics": {"connected": 0, "disconnected": 0, "active": 0, "total_connected": self._started},
            }
        return RestReply(200, reply)

    async def start_call(self, body: bytes, _name: str) -> RestReply:
        """Start an outbound call: a new session."""
        try:
            request = start_call_request(body, self._dialect.number_pattern)
        except RequestInvalid as invalid:
            return RestReply(422, {"detail": invalid.errors})
        call_id, session_id, now = await self._new_call("outbound", request)
        reply: Json = {"message": "Call initiated", "status": "initiating", FIELD: request[FIELD], "initiated_at": now}
        if self._dialect.replies is Replies.V1:
            return RestReply(200, {"call_id": call_id, **reply, "streaming_mode": "media", "details": {}})
        return RestReply(
            200, {**dict.fromkeys(self._dialect.call_id_fields, call_id), "session_id": session_id, **reply}
        )

    async def inbound(self, body: bytes, _name: str) -> RestReply:
        """Event Grid: validate the endpoint, or answer an incoming call. The first such event decides."""
        events = _parse(body)
        if events is _NOT_JSON:
            return _fixed(self._dialect.inbound_not_json)
        if not isinstance(events, list):
            return _fixed(self._dialect.inbound_not_array)
        for event in events:
            kind, data = _kind_and_data(event)
            if kind == VALIDATION_EVENT:
                code = data.get("validationCode")
                return (
                    RestReply(200, {"validationResponse": code}) if code else _fixed(self._dialect.inbound_without_code)
                )
            if kind == INCOMING_CALL:
                return await self._answer_call(data)
        return _fixed(self._dialect.inbound_other)

    async def callbacks(self, body: bytes, _name: str) -> RestReply:
        """CloudEvents about calls: look up each call and record the event."""
        events = _parse(body)
        if events is _NOT_JSON:
            return _fixed(self._dialect.callbacks_not_json)
        malformed = self._dialect.callbacks_malformed
        if malformed is not None and not _are_cloud_events(events):
            return _fixed(malformed)
        by_call: dict[str, list[tuple[str, Json]]] = defaultdict(list)
        items = events if isinstance(events, list) else [events]
        for event in items:
            kind, data = _kind_and_data(event)
            by_call[str(data.get("callConnectionId") or "")].append((kind, data))
        named = [call_id for call_id in by_call if call_id]
        for call_id in named:
            await self._record(call_id, by_call[call_id])
        if self._dialect.replies is Replies.BRIEF:
            return RestReply(200, {"status": "callback received"})
        counts = {"status": "success", "processed_events": len(items), "failed_events": 0}
        return RestReply(
            200, {**counts, "call_connection_id": named[-1] if named else None, "processing_system": "events_v1"}
        )

    async def call_metrics(self, _body: bytes, name: str) -> RestReply:
        """The metrics of a call."""
        session = await self._sessions.load(name)
        if session is None:
            unknown = self._dialect.metrics_unknown_call
            return RestReply(unknown.status, {unknown.field: unknown.text.replace("{id}", name)})
        return RestReply(200, _metrics(session))

    async def _new_call(self, direction: str, memory: Json) -> tuple[str, str, str]:
        call_id, session_id, now = str(uuid.uuid4()), str(uuid.uuid4()), _now()
        fields = {"status": "initiating", "direction": direction, "start_time": now, "events": "0"}
        await self._sessions.create(call_id, session_id, fields, memory)
        self._started += 1
        return call_id, session_id, now

    async def _answer_call(self, data: Json) -> RestReply:
        if not data.get("incomingCallContext"):
            return _fixed(self._dialect.inbound_without_context)
        caller = data.get("from")
        number = str(caller.get("rawId", "")).removeprefix("4:") if isinstance(caller, dict) else ""
        call_id, session_id, now = await self._new_call("inbound", {"caller_id": number})
        reply: Json = {"status": "call answered", **dict.fromkeys(self._dialect.inbound_call_id_fields, call_id)}
        if self._dialect.replies is Replies.V1:
            return RestReply(200, {**reply, "caller_id": number, "answered_at": now, "recording_enabled": False})
        return RestReply(200, {**reply, "session_id": session_id})

    async def _record(self, call_id: str, events: list[tuple[str, Json]]) -> None:
        session_id = await self._sessions.session_of(call_id)
        if session_id is None:  # events of an unknown call are accepted and have no effect
            return
        fields: dict[str, str] = {}
        tones: list[str] = []
        for kind, data in events:
            match kind:
                case _ if kind == CALL_CONNECTED:
                    fields |= {"status": "connected", "connected_at": _now()}
                case _ if kind == CALL_DISCONNECTED:
                    fields |= {"status": "completed", "end_time": _now()}
                case _ if kind == PARTICIPANTS_UPDATED:
                    fields["participants"] = orjson.dumps(data.get("participants", [])).decode()
                case _ if kind == DTMF_TONE_RECEIVED:
                    tones.append(str(data.get("tone", "")))
        await self._sessions.update(call_id, session_id, fields, tones, len(events))


_NOT_JSON = object()
_STAGES: Final = {
    "stt": "stt_latency_ms",
    "llm": "llm_ttfb_ms",
    "tts": "tts_ttfb_ms",
    "total": "total_latency_ms",
}
"""Stage of a turn → field of the turn."""


def _parse(body: bytes) -> Any:  # any JSON, or _NOT_JSON
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _NOT_JSON


def _fixed(answer: FixedAnswer) -> RestReply:
    return RestReply(answer.status, answer.body)


def _kind_and_data(event: object) -> tuple[str, Json]:
    """The type of an event: Event Grid uses `eventType`, CloudEvents `type`."""
    if not isinstance(event, dict):
        return "", {}
    data = event.get("data")
    return str(event.get("eventType") or event.get("type") or ""), data if isinstance(data, dict) else {}


def _are_cloud_events(events: object) -> bool:
    return isinstance(events, list) and all(
        isinstance(event, dict) and all(event.get(name) for name in CLOUD_EVENT_ATTRIBUTES) for event in events
    )


def _metrics(session: StoredCall) -> Json:
    """The body of `/api/v1/metrics/session/{id}`; a call without turns has no stages."""
    fields = session.fields
    start, end = fields.get("start_time"), fields.get("end_time")
    turns = [orjson.loads(turn) for turn in session.turns]
    return {
        "session_id": session.session_id,
        "call_connection_id": fields.get("call_connection_id"),
        "transport_type": "ACS",
        "status": fields.get("status", "unknown"),
        "turn_count": len(turns),
        "turns": turns,
        "latency_summary": _summary(turns),
        "latency_breakdown": [],
        "token_usage": {"input_tokens": 0, "output_tokens": 0},
        "insights": [],
        "error_count": 0,
        "event_count": int(fields.get("events", "0")),
        "dtmf": session.tones,
        "start_time": start,
        "end_time": end,
        "session_duration_ms": _milliseconds_between(start, end) if start else None,
    }


def _summary(turns: list[Json]) -> Json:
    """Each stage's latency over the turns of a call."""
    stages = {stage: [turn[field] for turn in turns if turn[field] is not None] for stage, field in _STAGES.items()}
    return {
        stage: {"avg_ms": fmean(took), "min_ms": min(took), "max_ms": max(took), "count": len(took)}
        for stage, took in stages.items()
        if took
    }


def _milliseconds_between(start: str, end: str | None) -> float:
    until = datetime.fromisoformat(end) if end else datetime.now(UTC)
    return (until - datetime.fromisoformat(start)).total_seconds() * 1000


def _now() -> str:
    return datetime.now(UTC).isoformat()
