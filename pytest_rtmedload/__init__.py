"""A pytest plugin that load-tests real-time voice agents, with performance assertions.

This module is the public interface: what it exports stays, everything else is internal. `pytest_rtmedload.hooks` has
the hooks by which a project or another plugin extends it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_rtmedload.agent_provider import AgentUnderTest
    from pytest_rtmedload.audio.clips import Clip
    from pytest_rtmedload.audio.pcm import ClipError
    from pytest_rtmedload.backends.errors import ServiceError, Throttled
    from pytest_rtmedload.clients.cookies import Cookies
    from pytest_rtmedload.clients.errors import (
        ConnectError,
        DecodingError,
        HTTPError,
        InvalidURL,
        ReadError,
        RemoteProtocolError,
        RequestError,
        TimeoutException,
        TooManyRedirects,
        TransportError,
        UnsupportedProtocol,
    )
    from pytest_rtmedload.clients.http.auth import Auth, BasicAuth, BearerAuth, DigestAuth
    from pytest_rtmedload.clients.http.client import HttpClient
    from pytest_rtmedload.clients.http.stream import ServerSentEvent, StreamedResponse
    from pytest_rtmedload.clients.request import Request
    from pytest_rtmedload.clients.response import Headers, HTTPStatusError, Response
    from pytest_rtmedload.clients.websocket.client import WebSocketClient
    from pytest_rtmedload.clients.websocket.errors import ConnectionClosed, HandshakeRefused
    from pytest_rtmedload.dialects.codec import Codec
    from pytest_rtmedload.dialects.heard import AgentText, Audio, Garbage, OtherMessage, StopAudio, Understood
    from pytest_rtmedload.dialects.model import Dialect, FixedAnswer, InvalidRequest, Operation, Paths, Replies
    from pytest_rtmedload.dialects.versions import ARTAGENT_V1, RTMEDAGENT
    from pytest_rtmedload.dialects.voice import BrowserWire, PhoneWire, RelayWire, RoundTrip, Said, VoiceWire
    from pytest_rtmedload.plugin.explicit_run import BlockingLoadRun, LoadResult, LoadRun
    from pytest_rtmedload.report.ci.annotations import Annotation
    from pytest_rtmedload.report.ci.context import CiContext
    from pytest_rtmedload.report.ci.publishers import CiServer
    from pytest_rtmedload.report.written import ReportFiles
    from pytest_rtmedload.results.details import (
        CallTape,
        CapacityResult,
        ConversationResult,
        ConversationTurn,
        DriftResult,
        ErrorResult,
        LagCause,
        LagResult,
        SlowOperation,
    )
    from pytest_rtmedload.results.model import (
        AgentInfo,
        CriterionResult,
        GeneratorResult,
        MetricResult,
        RunInfo,
        RunResult,
        ShardResult,
        StageResult,
        Summary,
        TargetResult,
        TestResult,
        TimelineMetric,
        TimelinePoint,
        ValueResult,
        Verdict,
    )
    from pytest_rtmedload.results.plan import Evidence, Stage, Target
    from pytest_rtmedload.results.recording import Outcome, Phase
    from pytest_rtmedload.scenarios.model import Scenario, ScenarioError, TurnPlan
    from pytest_rtmedload.scenarios.play import Consultation
    from pytest_rtmedload.schedule.conductors import Command, Conductor, Moment, Standing
    from pytest_rtmedload.spec.load_config import LoadConfig
    from pytest_rtmedload.spec.load_spec import LoadSpec
    from pytest_rtmedload.users.load import Load
    from pytest_rtmedload.users.user_fixture import user_fixture
    from pytest_rtmedload.users.virtual_user import ChecksFailed
    from pytest_rtmedload.voice.call_kinds import BrowserCall, PhoneCall
    from pytest_rtmedload.voice.errors import CallEnded, CallError, NoAnswer
    from pytest_rtmedload.voice.turns import Answer, Turn

__all__ = [
    "ARTAGENT_V1",
    "RTMEDAGENT",
    "AgentInfo",
    "AgentText",
    "AgentUnderTest",
    "Annotation",
    "Answer",
    "Audio",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "BlockingLoadRun",
    "BrowserCall",
    "BrowserWire",
    "CallEnded",
    "CallError",
    "CallTape",
    "CapacityResult",
    "ChecksFailed",
    "CiContext",
    "CiServer",
    "Clip",
    "ClipError",
    "Codec",
    "Command",
    "Conductor",
    "ConnectError",
    "ConnectionClosed",
    "Consultation",
    "ConversationResult",
    "ConversationTurn",
    "Cookies",
    "CriterionResult",
    "DecodingError",
    "Dialect",
    "DigestAuth",
    "DriftResult",
    "ErrorResult",
    "Evidence",
    "FixedAnswer",
    "Garbage",
    "GeneratorResult",
    "HTTPError",
    "HTTPStatusError",
    "HandshakeRefused",
    "Headers",
    "HttpClient",
    "InvalidRequest",
    "InvalidURL",
    "LagCause",
    "LagResult",
    "Load",
    "LoadConfig",
    "LoadResult",
    "LoadRun",
    "LoadSpec",
    "MetricResult",
    "Moment",
    "NoAnswer",
    "Operation",
    "OtherMessage",
    "Outcome",
    "Paths",
    "Phase",
    "PhoneCall",
    "PhoneWire",
    "ReadError",
    "RelayWire",
    "RemoteProtocolError",
    "Replies",
    "ReportFiles",
    "Request",
    "RequestError",
    "Response",
    "RoundTrip",
    "RunInfo",
    "RunResult",
    "Said",
    "Scenario",
    "ScenarioError",
    "ServerSentEvent",
    "ServiceError",
    "ShardResult",
    "SlowOperation",
    "Stage",
    "StageResult",
    "Standing",
    "StopAudio",
    "StreamedResponse",
    "Summary",
    "Target",
    "TargetResult",
    "TestResult",
    "Throttled",
    "TimelineMetric",
    "TimelinePoint",
    "TimeoutException",
    "TooManyRedirects",
    "TransportError",
    "Turn",
    "TurnPlan",
    "Understood",
    "UnsupportedProtocol",
    "ValueResult",
    "Verdict",
    "VoiceWire",
    "WebSocketClient",
    "user_fixture",
]

_MODULES: Final = {
    "agent_provider": "AgentUnderTest",
    "audio.clips": "Clip",
    "audio.pcm": "ClipError",
    "backends.errors": "ServiceError Throttled",
    "clients.errors": (
        "ConnectError DecodingError HTTPError InvalidURL ReadError RemoteProtocolError RequestError "
        "TimeoutException TooManyRedirects TransportError UnsupportedProtocol"
    ),
    "clients.cookies": "Cookies",
    "clients.http.auth": "Auth BasicAuth BearerAuth DigestAuth",
    "clients.http.client": "HttpClient",
    "clients.http.stream": "ServerSentEvent StreamedResponse",
    "clients.request": "Request",
    "clients.response": "Headers HTTPStatusError Response",
    "clients.websocket.client": "WebSocketClient",
    "clients.websocket.errors": "ConnectionClosed HandshakeRefused",
    "dialects.codec": "Codec",
    "dialects.heard": "AgentText Audio Garbage OtherMessage StopAudio Understood",
    "dialects.model": "Dialect FixedAnswer InvalidRequest Operation Paths Replies",
    "dialects.versions": "ARTAGENT_V1 RTMEDAGENT",
    "dialects.voice": "BrowserWire PhoneWire RelayWire RoundTrip Said VoiceWire",
    "plugin.explicit_run": "BlockingLoadRun LoadResult LoadRun",
    "report.ci.annotations": "Annotation",
    "report.ci.context": "CiContext",
    "report.ci.publishers": "CiServer",
    "report.written": "ReportFiles",
    "results.details": (
        "CallTape CapacityResult ConversationResult ConversationTurn DriftResult ErrorResult LagCause LagResult "
        "SlowOperation"
    ),
    "results.model": (
        "AgentInfo CriterionResult GeneratorResult MetricResult RunInfo RunResult "
        "ShardResult StageResult Summary TargetResult TestResult TimelineMetric TimelinePoint ValueResult "
        "Verdict"
    ),
    "results.plan": "Evidence Stage Target",
    "results.recording": "Outcome Phase",
    "scenarios.model": "Scenario ScenarioError TurnPlan",
    "scenarios.play": "Consultation",
    "schedule.conductors": "Command Conductor Moment Standing",
    "spec.load_config": "LoadConfig",
    "spec.load_spec": "LoadSpec",
    "users.load": "Load",
    "users.user_fixture": "user_fixture",
    "users.virtual_user": "ChecksFailed",
    "voice.call_kinds": "BrowserCall PhoneCall",
    "voice.errors": "CallEnded CallError NoAnswer",
    "voice.turns": "Answer Turn",
}
"""Where each public name is defined."""
_HOMES: Final = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Import public names where they are used: pytest imports this package in every run."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
