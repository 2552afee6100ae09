"""Wire formats of agent versions as data: paths, bodies, field names, messages and the answers to wrong input.

The rule: no other module spells a path, a field or an expected status of an agent; it asks a `Dialect`. The embedded
agent obeys the same data, so what the suite expects and what the stand-in does cannot drift apart.
Standard library only: tests, the plugin and the embedded agent's processes all import this package.
"""

from pytest_rtmedload.dialects.codec import Codec
from pytest_rtmedload.dialects.events import (
    CALL_CONNECTED,
    CALL_DISCONNECTED,
    CLOUD_EVENT_ATTRIBUTES,
    DTMF_TONE_RECEIVED,
    INCOMING_CALL,
    PARTICIPANTS_UPDATED,
    VALIDATION_EVENT,
    call_connected,
    call_disconnected,
    call_event,
    dtmf_tone,
    incoming_call_event,
    participants_updated,
    validation_event,
)
from pytest_rtmedload.dialects.heard import AgentText, Audio, Garbage, Heard, OtherMessage, StopAudio, Understood
from pytest_rtmedload.dialects.model import Dialect, FixedAnswer, InvalidRequest, Operation, Paths, Replies
from pytest_rtmedload.dialects.versions import ARTAGENT_V1, DEFAULT_DIALECT, DIALECTS, RTMEDAGENT, dialect_named
from pytest_rtmedload.dialects.voice import BrowserWire, PhoneWire, RelayWire, RoundTrip, VoiceWire
from pytest_rtmedload.dialects.wire import Json, fill

__all__ = [
    "ARTAGENT_V1",
    "CALL_CONNECTED",
    "CALL_DISCONNECTED",
    "CLOUD_EVENT_ATTRIBUTES",
    "DEFAULT_DIALECT",
    "DIALECTS",
    "DTMF_TONE_RECEIVED",
    "INCOMING_CALL",
    "PARTICIPANTS_UPDATED",
    "RTMEDAGENT",
    "VALIDATION_EVENT",
    "AgentText",
    "Audio",
    "BrowserWire",
    "Codec",
    "Dialect",
    "FixedAnswer",
    "Garbage",
    "Heard",
    "InvalidRequest",
    "Json",
    "Operation",
    "OtherMessage",
    "Paths",
    "PhoneWire",
    "RelayWire",
    "Replies",
    "RoundTrip",
    "StopAudio",
    "Understood",
    "VoiceWire",
    "call_connected",
    "call_disconnected",
    "call_event",
    "dialect_named",
    "dtmf_tone",
    "fill",
    "incoming_call_event",
    "participants_updated",
    "validation_event",
]
