"""A project's `conftest.py` brings the wire protocol of its agent, and load tests drive that agent."""

from __future__ import annotations

import pytest

from tests.conftest import LoadRun
from tests.plugin.acme_agent import DIALECT, REPLY, AcmeAgent, acme_agent

CALLS = f"""
    import pytest
    from pytest_rtmedload import Clip
    from pytest_rtmedload.audio import clip

    line = clip("hello")
    SHORT = Clip("short", "It hurts.", bytes(640) + line.pcm[2 * line.voiced[0]:][:6400], (320, 3520))

    @pytest.mark.load(users=2, iterations=1, metric="voice.loop")
    async def test_calls(load, phone_call):
        assert load.dialect.name == "acme"
        await phone_call.send_dtmf("1")
        await phone_call.say(SHORT)
        answer = await phone_call.heard()
        assert answer.problem is None
        assert (answer.text, answer.understood, answer.rate) == ({REPLY!r}, "It hurts.", 8_000)
    """


SIZES = ("--load-ramp=0", "--load-warmup=0", "--load-think=0")


def check(run: LoadRun, agent: AcmeAgent) -> None:
    """Two calls were made in the agent's own words, and measured; on a busy machine there is a second run."""
    *first_run, test = run.result()["tests"]
    assert test["errors"] == []
    assert test["metrics"]["voice.loop"]["count"] == 2
    assert 190 <= test["metrics"]["voice.loop"]["min_ms"] < 2_000, "the agent waits for 200 ms of silence"
    assert test["metrics"]["voice.greeting"]["count"] == 2
    assert run.result()["run"]["agent"]["dialect"] == "acme"
    calls = {opened["call"] for opened in agent.opened}
    assert calls == {path.removeprefix("/talk/") for path in agent.paths if path.startswith("/talk/")}
    count = 2 * (1 + len(first_run))
    assert (len(calls), agent.keys, agent.unread) == (count, ["1"] * count, [])
    assert all(opened["caller"].startswith("+1") for opened in agent.opened)
    assert "/alive" in agent.paths


@pytest.mark.timing
def test_a_dialect_of_the_project(load_run_of: LoadRun) -> None:
    load_run_of.pytester.makeconftest(DIALECT)
    load_run_of.file(test_it=CALLS)
    with acme_agent() as (agent, url):
        load_run_of("--load-dialect=acme", f"--load-host={url}", "-m", "load", sizes=SIZES)
    check(load_run_of, agent)


@pytest.mark.slow
@pytest.mark.timing
def test_in_the_processes_of_xdist(load_run_of: LoadRun) -> None:
    load_run_of.pytester.makeconftest(DIALECT)
    load_run_of.file(test_it=CALLS)
    with acme_agent() as (agent, url):
        options = ("--load-dialect=acme", f"--load-host={url}", "-m", "load")
        load_run_of("-p", "xdist", "-n2", *options, sizes=SIZES, subprocess=True).assert_outcomes(passed=1)
    check(load_run_of, agent)
    assert load_run_of.result()["tests"][-1]["shards"] == 2


def test_the_embedded_agent_serves_only_its_own(load_run_of: LoadRun) -> None:
    load_run_of.pytester.makeconftest(DIALECT)
    load_run_of.file(test_it=CALLS)
    done = load_run_of("--load-dialect=acme", "-m", "load")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(
        "*the embedded agent serves only its own dialects (rtmedagent, artagent-v1), not acme: name an agent that*"
    )


def test_an_unknown_dialect_names_those_of_the_project(load_run_of: LoadRun) -> None:
    load_run_of.pytester.makeconftest(DIALECT)
    done = load_run_of("--load-dialect=acmee")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    text = "ERROR: --load-dialect: no dialect 'acmee': choose one of rtmedagent, artagent-v1, acme"
    assert text in done.stderr.str() + done.stdout.str()


@pytest.mark.timing
def test_a_codec_that_fails_is_an_error_of_the_agent(load_run_of: LoadRun) -> None:
    load_run_of.pytester.makeconftest(DIALECT.replace("said = json.loads(message)", "said = json.loads(message + '}')"))
    load_run_of.file(test_it=CALLS.replace("assert (answer.text", "return (answer.text"))
    with acme_agent() as (_, url):
        load_run_of("--load-dialect=acme", f"--load-host={url}", "-m", "load", sizes=SIZES)
    test = load_run_of.result()["tests"][-1]
    assert any(
        error["message"].startswith("/talk/{id}: Acme.read raised JSONDecodeError (conftest.py:")
        for error in test["errors"]
    )
    assert test["metrics"]["voice.loop"]["count"] == 2
