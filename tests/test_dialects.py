from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_rtmedload import dialects
from pytest_rtmedload.dialects import ARTAGENT_V1, DIALECTS, RTMEDAGENT, Dialect, Operation, dialect_named

every_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))


def test_the_default_has_the_paths_of_the_brief() -> None:
    paths = dialect_named(dialects.DEFAULT_DIALECT).paths
    assert (paths.health, paths.start_call, paths.inbound) == ("/health", "/api/call", "/api/call/inbound")
    assert (paths.callbacks, paths.call_metrics) == ("/call/callbacks", "/api/call/{id}/metrics")
    assert (paths.realtime, paths.call_stream, paths.relay) == ("/ws/realtime", "/ws/call/stream", "/ws/relay")


def test_the_call_id_goes_into_the_path() -> None:
    assert RTMEDAGENT.path_of(Operation.CALL_METRICS, "abc") == "/api/call/abc/metrics"
    assert ARTAGENT_V1.path_of(Operation.CALL_METRICS, "abc") == "/api/v1/metrics/session/abc"


def test_an_unknown_name_is_answered_with_the_choices() -> None:
    with pytest.raises(ValueError, match=r"^no dialect 'x': choose one of rtmedagent, artagent-v1$"):
        dialect_named("x")


def test_either_spelling_of_the_call_id_is_read() -> None:
    assert RTMEDAGENT.call_id_of({"callId": "a"}) == "a"
    assert RTMEDAGENT.call_id_of({"call_id": "b", "callId": "a"}) == "b"
    assert ARTAGENT_V1.call_id_of({"call_connection_id": "c"}) == "c"
    with pytest.raises(ValueError, match=r"call_id or callId expected, got \['status'\]"):
        RTMEDAGENT.call_id_of({"status": "call answered"})


def test_scenario_and_priority_stand_where_the_version_reads_them() -> None:
    plain = RTMEDAGENT.start_call_body("+15550100000", scenario="chest_pain", priority="emergency")
    assert plain["target_number"] == "+15550100000"
    assert plain["scenario"] == "chest_pain"
    nested = ARTAGENT_V1.start_call_body("+15550100000", scenario="chest_pain", priority="emergency")
    assert nested["context"]["priority"] == "emergency"


@every_dialect
def test_invalid_requests_have_names_of_their_own_and_are_refused(dialect: Dialect) -> None:
    cases = dialect.invalid_requests()
    assert len({case.name for case in cases}) == len(cases)
    assert {case.operation for case in cases} == set(Operation)
    assert all(400 <= case.status < 600 for case in cases)


def test_events_carry_the_attributes_of_cloud_events() -> None:
    events = [
        dialects.call_connected("c"),
        dialects.participants_updated("c", ["+15550100000"]),
        dialects.dtmf_tone("c", "one"),
        dialects.call_disconnected("c"),
    ]
    for event in events:
        assert all(event[name] for name in dialects.CLOUD_EVENT_ATTRIBUTES)
        assert event["data"]["callConnectionId"] == "c"
    assert len({event["id"] for event in events}) == len(events)


def test_only_the_standard_library_is_imported() -> None:
    root = Path(dialects.__file__).parents[1]
    alone = f"import sys, types; package = types.ModuleType('pytest_rtmedload'); package.__path__ = [{str(root)!r}]"
    program = f"{alone}; sys.modules['pytest_rtmedload'] = package; import pytest_rtmedload.dialects"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, timeout=30)
