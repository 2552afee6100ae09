"""User fixtures: one value per user or per iteration, closed whatever happens."""

from __future__ import annotations

import pytest

from tests.conftest import LoadRun

LOG = """
import asyncio, collections, pytest
from pytest_rtmedload import user_fixture

opened, closed = collections.Counter(), collections.Counter()
"""


def test_both_scopes_depending_on_each_other_and_on_ordinary_fixtures(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it=LOG
        + """
@pytest.fixture(scope="module")
def server():
    return "server"

@user_fixture
async def account(load, server):
    opened["account"] += 1
    yield f"{server}/{load.user}"
    closed["account"] += 1

@user_fixture
def plain(account):
    return account.upper()

@user_fixture(scope="iteration", name="call")
async def make_call(load, account):
    opened["call"] += 1
    yield (account, load.iteration)
    closed["call"] += 1

@pytest.mark.load(users=3, iterations=4)
async def test_calls(load, account, plain, call, server):
    assert call == (account, load.iteration)
    assert account == f"{server}/{load.user}"
    assert plain == account.upper()

def test_counts():
    assert opened == closed == {"account": 3, "call": 12}
"""
    )
    load_run_of(sizes=("--suite=smoke",)).assert_outcomes(passed=2)


def test_they_are_closed_when_the_body_raises_and_when_the_run_is_cut_short(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it=LOG
        + """
@user_fixture
async def resource(load):
    opened["user"] += 1
    yield
    await asyncio.sleep(0)
    closed["user"] += 1

@user_fixture(scope="iteration")
async def own(resource):
    opened["iteration"] += 1
    yield
    await asyncio.sleep(0)
    closed["iteration"] += 1

@pytest.mark.load(users=4, iterations=3, errors=1, negative=True)
async def test_raises(load, own):
    raise RuntimeError

@pytest.mark.load(users=4, duration="100ms", grace="50ms", errors=1, negative=True)
async def test_is_cut(load, own):
    await asyncio.sleep(60)

@pytest.mark.load(users=4, negative=True)
async def test_fails_as_a_whole(load, own):
    await asyncio.sleep(0.05)
    pytest.fail("enough")

def test_counts():
    assert opened == closed
    assert opened["user"] == 12
"""
    )
    load_run_of(sizes=("--load-ramp=0", "--load-warmup=0")).assert_outcomes(passed=3, failed=1)


def test_an_ordinary_fixture_cannot_have_what_each_user_has_its_own_of(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it=LOG
        + """
@pytest.fixture
def wrong(load):
    return load

@user_fixture
def mine(load):
    return load.user

@pytest.fixture
def wrong_too(mine):
    return mine

@pytest.mark.load
async def test_wrong(wrong):
    pass

@pytest.mark.load
async def test_wrong_too(load, wrong_too):
    pass
"""
    )
    result = load_run_of()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "*fixture 'wrong' asks for 'load'*@pytest_rtmedload.user_fixture*",
            "*fixture 'wrong_too' asks for 'mine'*@pytest_rtmedload.user_fixture*",
        ]
    )


def test_a_user_fixture_cannot_need_what_lives_for_one_iteration(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it=LOG
        + """
@user_fixture(scope="iteration")
def short(load):
    return 1

@user_fixture
def long(short):
    return 2

@pytest.mark.load
async def test_it(load, long):
    pass
"""
    )
    result = load_run_of()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*user fixture 'long'*cannot need 'short'*scope='iteration'*"])


def test_a_user_whose_fixture_fails_fails_the_test_and_is_counted(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it=LOG
        + """
@user_fixture
async def account(load):
    if load.user % 2:
        raise KeyError("no account for you")
    return load.user

@pytest.mark.load(users=4, iterations=3)
async def test_it(load, account):
    pass
"""
    )
    result = load_run_of(sizes=("-m", "load", "--load-ramp=0"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*2 of 4 users failed in their fixtures*no account for you*"])
    assert load_run_of.result()["tests"][0]["iterations"] == 6


def test_an_ordinary_async_test_is_its_own_only_user(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it=LOG
        + """
@user_fixture
async def thing():
    opened["thing"] += 1
    yield "a thing"
    closed["thing"] += 1

async def test_it(thing):
    assert thing == "a thing"

def test_counts():
    assert opened == closed == {"thing": 1}
"""
    )
    load_run_of(sizes=()).assert_outcomes(passed=2)


@pytest.mark.timing
def test_users_of_a_ramp_enter_their_fixtures_just_before_they_start(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it=LOG
        + """
import time
entered = []

@user_fixture
async def account(load):
    entered.append(time.perf_counter())

@pytest.mark.load(users=4, ramp="400ms", duration="200ms")
async def test_it(load, account):
    await asyncio.sleep(0.01)

def test_spread():
    assert len(entered) == 4
    assert entered[-1] - entered[0] > 0.25
"""
    )
    load_run_of("--load-warmup=0", sizes=()).assert_outcomes(passed=2)
