"""The events that Azure sends to an agent's REST endpoints: Event Grid's, and CloudEvents about calls.

The rule: every id is new, every field of the real envelope is there, and nothing in it belongs to a person.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_rtmedload.dialects.wire import Json

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
    """The Event Grid event of an incoming call; send it in an array. Without `context` the call cannot be answered."""
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
    """One ACS CloudEvent about a call; send it in an array. `data` holds the fields other than the ids."""
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
