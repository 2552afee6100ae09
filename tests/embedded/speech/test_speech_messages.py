from __future__ import annotations

import json
import struct

import pytest

from pytest_rtmedload.embedded.speech.messages import ProtocolError, audio_message, parse, text_message

REQUEST = "0123456789abcdef0123456789abcdef"


def binary(head: str, body: bytes) -> bytes:
    return struct.pack(">H", len(head)) + head.encode() + body


def test_a_text_message_is_headers_and_a_body() -> None:
    message = parse(f"X-Timestamp:now\r\nPath: Speech.Context\r\nx-requestid:{REQUEST}\r\n\r\n{{}}")
    assert (message.path, message.request_id, message.json()) == ("speech.context", REQUEST, {})


def test_a_binary_message_is_a_length_headers_and_a_body() -> None:
    message = parse(binary(f"Path:audio\r\nX-RequestId:{REQUEST}\r\n", b"\r\n\r\n\x00\xff"))
    assert (message.path, message.request_id, message.audio) == ("audio", REQUEST, b"\r\n\r\n\x00\xff")


def test_a_request_id_goes_back_as_it_came() -> None:
    head, _, body = text_message("turn.start", "AbC-1", {"context": {"serviceTag": "x"}}).partition("\r\n\r\n")
    assert "X-RequestId:AbC-1" in head.split("\r\n")
    assert json.loads(body) == {"context": {"serviceTag": "x"}}


@pytest.mark.parametrize("pcm", [b"", b"\x01\x02"])
def test_audio_reads_back(pcm: bytes) -> None:
    message = parse(audio_message(REQUEST, "stream", pcm))
    assert (message.path, message.request_id, message.audio) == ("audio", REQUEST, pcm)
    assert message.headers["x-streamid"] == "stream"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x00", "two bytes"),
        (struct.pack(">H", 50) + b"Path:audio", "announces headers up to byte 52"),
        (struct.pack(">H", 2) + b"\xff\xff", "not UTF-8"),
    ],
)
def test_a_broken_frame_says_what_is_wrong(data: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        parse(data)


@pytest.mark.parametrize(("body", "why"), [("{", "speech.context is not JSON: "), ("[]", "not a JSON object")])
def test_a_broken_body_says_what_is_wrong(body: str, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        parse(f"Path:speech.context\r\n\r\n{body}").json()


def test_text_and_audio_are_not_mixed_up() -> None:
    with pytest.raises(ProtocolError, match="audio has to be binary"):
        _ = parse("Path:audio\r\n\r\nabc").audio
    with pytest.raises(ProtocolError, match="ssml has to be text"):
        _ = parse(binary("Path:ssml\r\n", b"abc")).text
