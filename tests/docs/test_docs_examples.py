"""Code in the documentation compiles; what is marked as a complete test runs and passes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from tests.conftest import LoadRun
from tests.docs.pages import PAGES, ROOT, Block, blocks

BLOCKS = [block for page in PAGES for block in blocks(page) if block.language == "python"]
TUTORIAL = ROOT / "docs" / "tutorial.md"
WRITTEN_FOR = "http://127.0.0.1:8000"
"""Where the tutorial's service listens."""


def described(block: Block) -> str:
    return f"{block.page.name}-{block.name or block.code.strip().splitlines()[0]}"


@pytest.mark.parametrize("block", BLOCKS, ids=described)
def test_it_compiles(block: Block) -> None:
    compile(block.code, f"{block.page.name}:{block.name}", "exec")


@pytest.fixture
def service() -> Iterator[str]:
    """The tutorial's service, as the tutorial has it."""
    (code,) = (block.code for block in blocks(TUTORIAL) if block.name == "server.py")
    namespace: dict[str, object] = {"__name__": "server"}
    exec(code, namespace)  # noqa: S102 - our own documentation
    server = ThreadingHTTPServer(("127.0.0.1", 0), namespace["Handler"])  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.timing
def test_the_tutorial_runs(load_run_of: LoadRun, service: str) -> None:
    tests = [block for block in blocks(TUTORIAL) if block.role == "runs"]
    for block in tests:
        (load_run_of.pytester.path / block.name).write_text(block.code.replace(WRITTEN_FOR, service))
    # a loose limit: here it is shown that the examples work, not how fast this machine is
    limits = ("--load-target=GET /status:p95=2000", "--load-target=GET /account:p95=2000", "--load-evidence=point")
    result = load_run_of("-m", "load", f"--host={service}", "--load-duration=300ms", *limits, sizes=SIZES)
    result.assert_outcomes(passed=len(tests))


SIZES = ("--load-ramp=0", "--load-warmup=0", "--load-think=5ms")
ALONE = [block for block in BLOCKS if block.role == "runs" and block.page != TUTORIAL]


@pytest.mark.timing
@pytest.mark.parametrize("block", ALONE, ids=described)
def test_complete_tests_pass_on_the_embedded_agent(block: Block, load_run_of: LoadRun) -> None:
    (load_run_of.pytester.path / block.name).write_text(block.code)
    load_run_of("--load-evidence=provisional").assert_outcomes(passed=1)
    assert load_run_of.result()["run"]["agent"]["embedded"] is True
