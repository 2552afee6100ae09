"""A generator that runs out of open files says so, and does not blame the agent."""

from __future__ import annotations

from tests.conftest import LoadRun

LIMITED = """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
"""
REQUESTS = """
    import pytest

    @pytest.mark.load(users={users}, iterations=1, think=0)
    async def test_it(load):
        await load.http.get("/health")
"""


def test_users_without_room_do_not_start(load_run_of: LoadRun) -> None:
    load_run_of.pytester.makeconftest(LIMITED.format(limit=200))
    load_run_of.file(test_it=REQUESTS.format(users=300))
    result = load_run_of("-m", "load", "--load-ramp=0", "--load-warmup=0", sizes=(), subprocess=True)
    test = load_run_of.result()["tests"][0]
    assert (test["verdict"], test["iterations"]) == ("INVALID", 0)
    assert "which may have 200: raise the limit with 'ulimit -n" in test["reasons"][0]
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INVALID: 300 users need at least*"])


def test_files_that_run_out_are_not_the_agents(load_run_of: LoadRun) -> None:
    load_run_of.file(
        test_it="""
        import pytest

        @pytest.mark.load(users=2, iterations=20, think=0)
        async def test_it(load):
            if load.iteration:
                raise OSError(24, "Too many open files")
        """
    )
    load_run_of("-m", "load", "--load-ramp=0", "--load-warmup=0", sizes=())
    test = load_run_of.result()["tests"][0]
    assert (test["verdict"], test["generator"]["own_errors"]) == ("INVALID", {"open files": 38})
    assert "38 operations failed before anything was sent" in test["reasons"][0]
