from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pytest_rtmedload.audio import text_of
from pytest_rtmedload.dialects import ARTAGENT_V1, RTMEDAGENT, fill
from pytest_rtmedload.embedded.calls.relay import BACKLOG
from tests.embedded.calls.callers import Client, Phone, event_of, is_answer

if TYPE_CHECKING:
    from pytest_rtmedload.dialects import Json
    from pytest_rtmedload.embedded.launcher import EmbeddedAgent

RELAY = RTMEDAGENT.voice.relay
V1_RELAY = ARTAGENT_V1.paths.relay


def subscribed(agent: EmbeddedAgent, name: str, stack: ExitStack) -> Client:
    client = stack.enter_context(Client(agent.url + RTMEDAGENT.paths.relay))
    assert RELAY.subscribe is not None
    client.send(fill(RELAY.subscribe.request, {"id": name}))
    assert client.next() == fill(RELAY.subscribe.answer, {"id": name})
    return client


def published(text: str) -> Json:
    message: Json = fill(RELAY.publish, {"id": text})
    return message


def test_what_one_publishes_all_others_receive(brief: EmbeddedAgent) -> None:
    with ExitStack() as stack:
        sender, *others = [subscribed(brief, f"client-{index}", stack) for index in range(4)]
        for text in ("one", "two"):
            sender.send(published(text))
        for client in others:
            assert [client.next() for _ in range(2)] == [published("one"), published("two")]
        others[0].send(published("three"))
        assert sender.next() == published("three"), "nobody hears himself"


def test_garbage_is_not_sent_on(brief: EmbeddedAgent) -> None:
    with ExitStack() as stack:
        sender, other = (subscribed(brief, name, stack) for name in "ab")
        for garbage in ("x", "[]", "{}", '{"type": 1}', b"\0"):
            sender.send(garbage)
        sender.send(published("sense"))
        assert other.next() == published("sense")


def test_dashboards_see_what_happens_in_calls(brief: EmbeddedAgent, call: str) -> None:
    with ExitStack() as stack:
        dashboard = subscribed(brief, "dashboard", stack)
        with Phone(brief.url, RTMEDAGENT, call) as phone:
            phone.press("#")
            phone.say("hello")
            phone.until(is_answer)
        seen = dashboard.until(lambda message: event_of(message) == "call_disconnected")
    assert [event_of(message) or message.get("sender") or message["type"] for message in seen] == [
        "call_connected",
        "dtmf_tone",
        "User",
        "assistant",
        "call_disconnected",
    ]
    assert seen[1]["data"] == {"event_type": "dtmf_tone", "call_id": call, "value": "#"}
    assert seen[2]["message"] == text_of("hello")


def test_a_dashboard_of_the_newer_version_sees_its_own_session_only(v1: EmbeddedAgent, call: str) -> None:
    with (
        Client(v1.url + V1_RELAY) as everything,
        Client(f"{v1.url}{V1_RELAY}?session_id=other") as other,
        Client(f"{v1.url}{V1_RELAY}?session_id={call}") as mine,
        Phone(v1.url, ARTAGENT_V1, call) as phone,
    ):
        phone.say("hello")
        phone.until(is_answer)
        seen = mine.until(is_answer)
        assert [event_of(seen[0]), seen[1]["payload"]["message"]] == ["call_connected", text_of("hello")]
        assert everything.within(0.05) == other.within(0.05) == []


def test_a_slow_dashboard_delays_nobody_and_loses_the_oldest(brief: EmbeddedAgent) -> None:
    """It reads nothing until all was published; what the network does not hold for it, the backlog does."""
    padding = "x" * 100_000
    count = 2 * BACKLOG
    with ExitStack() as stack:
        slow = socket.create_connection(("127.0.0.1", int(brief.url.rpartition(":")[2])))
        stack.callback(slow.close)
        slow.sendall(
            f"GET {RTMEDAGENT.paths.relay} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert slow.recv(4096).startswith(b"HTTP/1.1 101")
        sender, quick = (subscribed(brief, name, stack) for name in ("sender", "quick"))
        for index in range(count):
            sender.send(published(f"{index} {padding}"))
            assert quick.next()["data"]["call_id"].startswith(f"{index} ")
        held = numbers_in(slow, until=count - 1)
    assert held[-1] == count - 1
    assert held[-BACKLOG:] == list(range(count - BACKLOG, count))
    assert len(held) < count


def numbers_in(connection: socket.socket, until: int) -> list[int]:
    """The numbers of the published messages that arrive, up to the last."""
    connection.settimeout(8)
    read = b""
    last = f'"call_id":"{until} '.encode()
    while last not in read[-500_000:]:
        read += connection.recv(1 << 20)
    return [int(part.partition(b" ")[0]) for part in read.split(b'"call_id":"')[1:]]
