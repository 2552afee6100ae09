"""Bodies that log and print in every iteration: bounded and counted, in the terminal, in JUnit and in memory."""

from __future__ import annotations

from pytest_rtmedload.plugin.output_limits import MOST, shortened
from tests.conftest import LoadRun

FLOOD = """
import logging, pytest

@pytest.mark.load(iterations=400)
async def test_flood(load):
    logging.getLogger("shop").warning("basket %s", load.iteration)
    print("line", load.iteration)
    assert load.iteration >= 0 and False, "no"

@pytest.fixture(autouse=True)
def records(caplog):
    yield
    with open("records", "w") as file:
        file.write(str(len(caplog.get_records("call"))))
"""


def test_logs_and_prints_are_bounded_and_counted(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FLOOD)
    result = load_run_of("--junit-xml=out.xml", "-o", "junit_logging=all", "--load-users=2", "--load-think=0")
    result.assert_outcomes(failed=1)
    output = result.stdout.str()
    assert output.count("basket") == 2 * MOST
    assert output.count("\nline ") == 2 * MOST
    assert "[and 600 more log records of this load test, left out]" in output
    assert "[and 600 more lines of this load test, left out]" in output
    assert (load_run_of.pytester.path / "out.xml").read_text().count("basket") == 2 * MOST
    assert (load_run_of.pytester.path / "records").read_text() == str(2 * MOST + 1)


def test_live_logs_are_bounded(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FLOOD)
    result = load_run_of("-o", "log_cli=true", "--load-users=2", "--load-think=0", "--show-capture=no")
    assert result.stdout.str().count("basket") == 2 * MOST


def test_a_log_file_gets_everything(load_run_of: LoadRun) -> None:
    load_run_of.file(test_it=FLOOD)
    load_run_of("--log-file=all.log", "--load-users=2", "--load-think=0")
    assert (load_run_of.pytester.path / "all.log").read_text().count("basket") == 800


def test_little_output_stays_as_it_is() -> None:
    text = "line\n" * 2 * MOST
    assert shortened(text) == text
