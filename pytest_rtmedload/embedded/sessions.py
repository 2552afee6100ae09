"""Sessions of calls, kept in Valkey under the keys the real agent uses.

The rule: the agent process keeps no state of a call. A call's session is the hash `session:<session id>`,
`call_session_map:<call id>` maps to it, `dtmf_sequence:<call id>` holds the pressed keys. Unlike the real agent's,
every key has a lifetime, renewed by use, so that a long load test does not fill the memory.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_rtmedload.dialects import Json
    from pytest_rtmedload.embedded.valkey import ValkeyConnection

LIFETIME_S: Final = 600
DTMF_LIFETIME_S: Final = 300
_DTMF_KEYS: Final = {"pound": "#", "asterisk": "*", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4"} | {
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
}


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A stored call."""

    session_id: str
    fields: Mapping[str, str]
    """Fields of its hash."""
    tones: str
    """Keys pressed so far, as on the telephone."""
    turns: Sequence[bytes]
    """Each a JSON object: see `calls.truth.Turn.to_metrics`."""


class SessionStore:
    """Reads and writes sessions; each method is one or two round trips."""

    def __init__(self, connection: ValkeyConnection) -> None:
        self._connection = connection

    async def create(self, call_id: str, session_id: str, fields: Mapping[str, str], memory: Json) -> None:
        """Store a new call; `memory` is what the agent knows about the caller."""
        key = f"session:{session_id}"
        fields = {**fields, "call_connection_id": call_id, "corememory": _text(memory), "chat_history": "{}"}
        await self._connection.execute(
            ("HSET", key, *itertools.chain.from_iterable(fields.items())),
            ("EXPIRE", key, LIFETIME_S),
            ("SET", f"call_session_map:{call_id}", session_id, "EX", LIFETIME_S),
        )

    async def session_of(self, call_id: str) -> str | None:
        """The session of a call; None when there is no such call."""
        [session_id] = await self._connection.execute(("GETEX", f"call_session_map:{call_id}", "EX", LIFETIME_S))
        return session_id.decode() if session_id else None

    async def update(
        self, call_id: str, session_id: str, fields: Mapping[str, str], tones: Sequence[str], events: int
    ) -> None:
        """Write changed fields, append pressed keys, and count the events that caused this."""
        key = f"session:{session_id}"
        commands: list[tuple[str | int, ...]] = [("HINCRBY", key, "events", events), ("EXPIRE", key, LIFETIME_S)]
        if fields:
            commands.append(("HSET", key, *itertools.chain.from_iterable(fields.items())))
        if tones:
            pressed = "".join(_DTMF_KEYS.get(tone, tone) for tone in tones)
            commands += [
                ("APPEND", f"dtmf_sequence:{call_id}", pressed),
                ("EXPIRE", f"dtmf_sequence:{call_id}", DTMF_LIFETIME_S),
            ]
        await self._connection.execute(*commands)

    async def add_turn(self, session_id: str, turn: Json) -> None:
        """Append a turn of the conversation."""
        key = f"session_turns:{session_id}"
        await self._connection.execute(("RPUSH", key, orjson.dumps(turn)), ("EXPIRE", key, LIFETIME_S))

    async def load(self, name: str) -> StoredCall | None:
        """The session of a call id, or of a session id; None when neither is known."""
        session_id = await self.session_of(name) or name
        key = f"session:{session_id}"
        flat, _, tones, turns = await self._connection.execute(
            ("HGETALL", key),
            ("EXPIRE", key, LIFETIME_S),
            ("GET", f"dtmf_sequence:{name}"),
            ("LRANGE", f"session_turns:{session_id}", 0, -1),
        )
        if not flat:
            return None
        texts = [part.decode() for part in flat]
        return StoredCall(session_id, dict(zip(texts[::2], texts[1::2], strict=True)), (tones or b"").decode(), turns)


def _text(value: Json) -> str:
    return orjson.dumps(value).decode()
