from __future__ import annotations

import shlex

import pytest

from pytest_rtmedload.text.redaction import redact, redact_command


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        (["--load-header", "Authorization: Bearer abc123"], "--load-header 'Authorization: ***'"),
        (["--load-header=X-Api-Key: abc123"], "'--load-header=X-Api-Key: ***'"),
        (["--load-header", "abc123"], "--load-header '***'"),
        (["-o", "load_headers=Authorization: Bearer abc123"], "-o 'load_headers=Authorization: ***'"),
        (["--openai-api-key", "abc:123=="], "--openai-api-key '***'"),
        (["--api-key=abc123=="], "'--api-key=***'"),
        (["--password=abc123:def"], "'--password=***'"),
        (["--password", "--abc123", "-x"], "--password '***' -x"),
        (["--load-host", "https://user:abc123@agent.example/x"], "--load-host 'https://***@agent.example/x'"),
        (["--host=redis://:abc123@cache:6380/0"], "'--host=redis://***@cache:6380/0'"),
        (
            ["--host", "https://a.example/x?sv=1&sig=abc123%3D&code=abc123&page=2#end"],
            "--host 'https://a.example/x?sv=1&sig=***&code=***&page=2#end'",
        ),
        (["--x", "AccountEndpoint=https://a.example;AccountKey=abc123=="], None),
    ],
)
def test_secrets_leave_the_command(args: list[str], shown: str | None) -> None:
    command = redact_command(args)
    assert "abc" not in command
    assert "***" in command
    if shown is not None:
        assert command == shown


@pytest.mark.parametrize(
    "args",
    [
        ["-m", "load", "--suite", "quick", "tests/load"],
        ["-k", "test_key and not token", "--keyboard=de"],
        ["--load-target", "llm.tokens_per_s=30", "--load-target=voice.loop:p95=700"],
        ["--load-host", "https://agent.example:8443/path?page=2&key_count=3"],
        ["tests/test_auth.py::test_token[a=b]"],
    ],
)
def test_harmless_arguments_stay(args: list[str]) -> None:
    assert redact_command(args) == shlex.join(args)


@pytest.mark.parametrize(
    "text",
    [
        "401 for https://a.example/x?token=abc123",
        "headers {'Authorization': 'Bearer abc123', 'api_key': 'abc123'}",
        '{"access_token": "abc123", "n": 1}',
        "x-api-key: abc123",
        "Endpoint=sb://a.example/;SharedAccessKey=abc123=",
        "Authorization: Basic YWJjMTIzYWJjMTIz=abc123",
    ],
)
def test_what_looks_like_a_secret_leaves_a_text(text: str) -> None:
    assert "abc123" not in redact(text)


def test_known_secrets_leave_in_every_form() -> None:
    text = "a p@ss word/1 b p%40ss%20word%2F1 c p%40ss+word%2F1 d"
    assert redact(text, ["p@ss word/1"]) == "a *** b *** c *** d"
    assert redact("long-secret-more long-secret", ["long-secret", "long-secret-more"]) == "*** ***"


def test_known_secrets_leave_the_command_too() -> None:
    assert redact_command(["-k", "hunter22"], ["hunter22"]) == "-k '***'"


def test_short_values_and_prose_stay() -> None:
    text = "the token: expired after 1 on; key == value; 3 tokens = 3; test_key[1]"
    assert redact(text, ["1", "on", ""]) == text


def test_redacting_twice_changes_nothing() -> None:
    once = redact("https://u:secret1@h/?sig=secret2 Bearer secret3")
    assert redact(once) == once


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            'await client.get(url, auth=("u", "hunter2"), timeout=3)',
            'await client.get(url, auth=("***", "***"), timeout=3)',
        ),
        ("client.get(url, headers=headers, timeout=3)", "client.get(url, headers=headers, timeout=3)"),
        ("Client(api_key='hunter2', retries=3)", "Client(api_key='***', retries=3)"),
        (
            'headers={"X-Api-Key": "hunter2", "Accept": "*/*"}, n=1)',
            'headers={"***": "***", "***": "***"}, n=1)',
        ),
    ],
)
def test_a_line_of_source_keeps_all_but_its_literals(line: str, shown: str) -> None:
    frame = '  File "tests/test_it.py", line 9, in test_it'
    assert redact(f"{frame}\n    {line}\nValueError: no") == f"{frame}\n    {shown}\nValueError: no"
