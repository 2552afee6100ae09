"""The examples of docs/extending.md work together in one `conftest.py`, and the page names every hook."""

from __future__ import annotations

import inspect
import json

import pytest

from pytest_rtmedload import hooks
from pytest_rtmedload.dialects import AgentText, Audio, Codec, StopAudio
from tests.conftest import LoadRun
from tests.docs.pages import ROOT, blocks, names, tables

PAGE = ROOT / "docs" / "extending.md"
CONFTEST = "\n\n".join(block.code for block in blocks(PAGE) if block.name == "conftest.py")
TEST = """
import pytest

@pytest.mark.load(shape="lunch(2, 0.1s)")
async def test_lunch(load):
    assert load.dialect.name == "acme"
    load.record("voice.loop", 300)
    await load.think(0.01)
"""


def test_every_hook_is_documented_with_its_arguments() -> None:
    specified = {
        f"{name}({', '.join(inspect.signature(hook).parameters)})": bool(hook.__doc__)
        for name, hook in inspect.getmembers(hooks, inspect.isfunction)
    }
    assert {names(row[0])[0] for row in tables(PAGE.read_text())[0]} == set(specified)
    assert all(specified.values())
    assert all(name.startswith("pytest_rtmedload_") for name in specified)


def test_the_methods_of_a_codec_are_documented() -> None:
    documented = {name.partition("(")[0] for row in tables(PAGE.read_text())[1] for name in names(row[0])}
    assert documented == {name for name in vars(Codec) if not name.startswith("_")}


def test_the_examples(load_run_of: LoadRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAMCITY_VERSION", "2026.1")
    load_run_of.pytester.makeconftest(CONFTEST)
    load_run_of.file(test_it=TEST)
    done = load_run_of("-m", "load", "--load-dialect=acme", "--load-evidence=point", sizes=())
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["##teamcity?buildStatus text='load test: PASS'?"])
    result = load_run_of.result()
    assert result["run"]["machine"]["host"]
    assert result["tests"][0]["users"] == 4
    assert [c["limit"] for c in result["criteria"] if c["name"] == "voice.loop p95"] == [600]
    assert "success rate" not in [criterion["name"] for criterion in result["criteria"]]
    verdicts = load_run_of.pytester.path / "results" / "load_test_report_latest_verdicts.md"
    assert verdicts.read_text() == "# Verdicts\n- test_it.py::test_lunch: PASS\n"


def test_the_codec_of_the_example() -> None:
    scope: dict[str, object] = {}
    exec(CONFTEST, scope)  # noqa: S102 - our own documentation
    codec: Codec = scope["AcmeCodec"]("call-1", "+15550100000")  # type: ignore[operator]
    sent = codec.message(codec.encode(bytes(640)), b"now")
    assert codec.read(sent) == Audio(bytes(640))
    assert codec.read(json.dumps({"type": "flush"})) == StopAudio()
    assert codec.read(json.dumps({"type": "agent_said", "text": "Hello."})) == AgentText("Hello.")
    assert json.loads(codec.opening()[0])["call"] == "call-1"  # type: ignore[arg-type]
