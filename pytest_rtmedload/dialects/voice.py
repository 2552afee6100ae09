"""How an agent version speaks on its three sockets: media of a phone call, media of a browser, events for dashboards.

The rule: what the *agent* sends is a template (`fill`), since versions differ in casing, frame size, rate and in how
they stop; a caller that reads them needs none of this, because it takes every version's form. What the *caller* sends
is the same everywhere and stands here as functions.

Sources: the media streaming protocol of Azure Communication Services (ACS), and the agents' own backends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_rtmedload.dialects.codec import Codec
    from pytest_rtmedload.dialects.wire import Json

CONNECTION_ID_HEADER = "x-ms-call-connection-id"
CORRELATION_ID_HEADER = "x-ms-call-correlation-id"


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A message the agent answers on its own: what is sent, and how the answer is known."""

    request: Json | str
    """A JSON template with `{id}` and `{text}`, or plain text."""
    answer_type: str
    """`type` of the answer, compared without case."""
    answer: Json = field(default_factory=dict)
    """What the agent answers, as a template; empty when the answer is the ordinary one to a caller's turn."""


@dataclass(frozen=True, slots=True)
class Said:
    """The text messages sent in addition to audio, as templates with `{text}`, `{id}`, `{endpointing_ms}`, `{turn}`."""

    greeting: Json
    heard: Json
    """What the agent understood of the caller."""
    sentence: Json
    """One sentence of the answer, while it is made."""
    answer: Json
    """The whole answer."""
    idle: Json = field(
        default_factory=lambda: {"type": "session_end", "reason": "IDLE_TIMEOUT", "session_id": "{id}", "ts": "{time}"}
    )


@dataclass(frozen=True, slots=True)
class PhoneWire:
    """The agent's side of the ACS media socket."""

    chunk_bytes: int
    """PCM in one of the agent's audio messages: 640 are 20 ms."""
    audio: Json
    """Template with `{data}`, base64."""
    stop: Json | None
    """Says that audio which has not sounded must not; None: the agent merely sends no more."""
    said: Said
    greets_after_metadata: bool
    """True: the greeting waits for the caller's `AudioMetadata`; False: it comes on connect."""
    id_in_query: str | None
    """Query parameter that names the call, in addition to the header."""
    tone_field: str
    """Field of `dtmfData` that holds the key; ACS sends `data`."""
    ready: RoundTrip | None
    """A message that is answered at once; None: the version has none."""
    silent_by_default: bool
    """True: a frame that does not say `silent: false` is dropped unheard, and so is a silent one."""
    rate: int = 16_000
    codec: type[Codec] | None = None
    """How the caller speaks and listens; None: the media protocol of ACS."""


@dataclass(frozen=True, slots=True)
class BrowserWire:
    """The agent's side of the browser's socket; the browser sends binary 16 kHz PCM."""

    rate: int
    """Samples per second of the agent's audio."""
    chunk_bytes: int
    audio: Json
    """Template with `{data}`, `{index}`, `{total}`, `{rate}`, `{final}`."""
    stop: Json | None
    said: Said
    message: RoundTrip
    """The message whose round trip is `ws.message`."""
    exit: Json | None
    """Sent before the agent closes because the caller said goodbye; None: not sent."""
    interrupt_type: str | None
    """`type` of the client's message that stops an answer; None: there is none."""
    hang_up_type: str | None
    """`type` of the client's message after which the agent closes; None: there is none."""
    id_in_query: str | None = "session_id"
    """Query parameter that names the session; None: there is none."""
    codec: type[Codec] | None = None
    """How the caller speaks and listens; None: binary PCM out, the messages of the agent's web page in."""


@dataclass(frozen=True, slots=True)
class RelayWire:
    """The dashboard's socket."""

    subscribe: RoundTrip | None
    """None: there is nothing to subscribe to, events come on their own."""
    publish: Json | None
    """Client message that is sent on to all other clients, template with `{id}`; None: clients cannot publish."""
    event_type: str
    """`type` of what the others receive."""
    call_event: Json
    """What happened to a call, template with `{event}`, `{id}`, `{value}`, `{time}`.

    Events are `call_connected`, `call_disconnected` and `dtmf_tone`, whose value is the key.
    """
    id_in_query: str | None
    """Query parameter without which a client receives nothing of a session."""


@dataclass(frozen=True, slots=True)
class VoiceWire:
    """All three sockets of one agent version."""

    phone: PhoneWire
    browser: BrowserWire
    relay: RelayWire
    greeting_yields: bool
    """True: the caller can interrupt the greeting, too."""


def audio_metadata(subscription: str, rate: int = 16_000, frame_bytes: int = 640) -> Json:
    """The first message of ACS: what the audio will be."""
    metadata = {"subscriptionId": subscription, "encoding": "PCM", "sampleRate": rate, "channels": 1}
    return {"kind": "AudioMetadata", "audioMetadata": {**metadata, "length": frame_bytes}}


def audio_data(data: str, timestamp: str, participant: str) -> Json:
    """20 ms of the caller's audio in base64. `silent` is false: some versions drop what does not say so."""
    fields = {"timestamp": timestamp, "participantRawID": participant, "data": data, "silent": False}
    return {"kind": "AudioData", "audioData": fields}


def dtmf_data(key: str) -> Json:
    """A key of the phone was pressed: `0` to `9`, `*`, `#`, `A` to `D`."""
    return {"kind": "DtmfData", "dtmfData": {"data": key}}
