"""The agent versions that are known, each as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.dialects.model import Dialect, FixedAnswer, Paths, Replies
from pytest_rtmedload.dialects.voice_versions import ARTAGENT_V1_VOICE, RTMEDAGENT_VOICE

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    voice=RTMEDAGENT_VOICE,
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
    voice=ARTAGENT_V1_VOICE,
    targets=("ws.message:p95=300",),  # it waits 200 ms before it echoes a text
)
"""Today's ARTAgent. It keeps metrics per *session*, and knows none before media flowed: 404 is right for a new call."""

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (RTMEDAGENT, ARTAGENT_V1)}
DEFAULT_DIALECT = RTMEDAGENT.name


def dialect_named(name: str, known: Mapping[str, Dialect] = DIALECTS) -> Dialect:
    """The dialect of that name.

    Raises:
        ValueError: there is none; the text names the choices.
    """
    try:
        return known[name]
    except KeyError:
        raise ValueError(f"no dialect {name!r}: choose one of {', '.join(known)}") from None
