"""What the tests of the agent's sockets share: where each is, and what a client says on it."""

import json
import uuid

import pytest

from pytest_rtmedload.dialects import fill
from pytest_rtmedload.dialects.voice import CONNECTION_ID_HEADER, CORRELATION_ID_HEADER


class Sockets:
    """The three sockets of the agent's version."""

    def __init__(self, dialect):
        self._dialect = dialect
        self._paths = dialect.paths
        self._voice = dialect.voice

    def browser(self, load, **options):
        """A measured connection to the browser's socket, for a session of its own."""
        return load.ws(self._dialect.browser_path(str(uuid.uuid4())), **options)

    def phone(self, load, **options):
        """A measured connection to the phone's media socket, for a call of its own."""
        headers = {CONNECTION_ID_HEADER: str(uuid.uuid4()), CORRELATION_ID_HEADER: str(uuid.uuid4())}
        return load.ws(self._dialect.phone_path(headers[CONNECTION_ID_HEADER]), headers=headers, **options)

    def relay(self, load, **options):
        """A measured connection to the dashboards' socket."""
        return load.ws(self._paths.relay, **options)

    @property
    def message(self):
        """The message of the browser's socket that the agent answers on its own."""
        return RoundTrip(self._voice.browser.message)

    @property
    def subscription(self):
        """The dashboards' first message; None where events come without one."""
        return self._voice.relay.subscribe and RoundTrip(self._voice.relay.subscribe)

    @property
    def publish(self):
        """The template of an event that a dashboard sends to all others; None where it cannot."""
        return self._voice.relay.publish

    @property
    def event_type(self):
        """What events are called."""
        return self._voice.relay.event_type


class RoundTrip:
    """A message and how its answer is known."""

    def __init__(self, wire):
        self._wire = wire

    def request(self, name):
        """The message, as text."""
        filled = fill(self._wire.request, {"id": name, "text": "I would like to book a check-up."})
        return filled if isinstance(filled, str) else json.dumps(filled)

    def answers(self, message):
        """Whether a message of the agent is the answer."""
        return isinstance(message, str) and type_of(message) == self._wire.answer_type


def type_of(message):
    """The `type` of a message; empty for what has none."""
    try:
        fields = json.loads(message)
    except ValueError:
        return ""
    return str(fields.get("type", "")).lower() if isinstance(fields, dict) else ""


@pytest.fixture
def sockets(agent):
    """The three sockets of the agent under test."""
    return Sockets(agent.dialect)
