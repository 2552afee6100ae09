"""The most installed plugins of pytest beside a load test: none breaks the run, and the story stays the same.

Those that are not installed are skipped: the table is for whoever has them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.plain_server import PlainServer
from tests.audit.story import check
from tests.audit.test_audit import BAD, GOOD, run

PLUGINS = {
    "pytest_html": ("pytest_html.plugin", "-p", "pytest_metadata.plugin", "--html=page.html"),
    "pytest_jsonreport": ("pytest_jsonreport.plugin", "-p", "pytest_metadata.plugin", "--json-report"),
    "pytest_rerunfailures": ("pytest_rerunfailures", "--reruns=1"),
    "pytest_timeout": ("pytest_timeout", "--timeout=60"),
    "pytest_cov": ("pytest_cov.plugin", "--cov=no_such_package"),
    "pytest_mock": ("pytest_mock",),
    "pytest_randomly": ("pytest_randomly",),
    "pytest_sugar": ("pytest_sugar",),
    "pytest_instafail": ("pytest_instafail", "--instafail"),
    "pytest_repeat": ("pytest_repeat", "--count=2"),
    "pytest_order": ("pytest_order.plugin",),
    "pytest_nunit": ("pytest_nunit.plugin", "--nunit-xml=nunit.xml"),
    "pytest_md": ("pytest_md.plugin", "--md=report.md"),
    "pytest_reportlog": ("pytest_reportlog.plugin", "--report-log=log.json"),
    "pytest_bdd": ("pytest_bdd.plugin",),
    "pytest_benchmark": ("pytest_benchmark.plugin",),
    "pytest_metadata": ("pytest_metadata.plugin",),
    "anyio": ("anyio.pytest_plugin",),
    "hypothesis": ("_hypothesis_pytestplugin",),
    "xdist": ("xdist", "-n2"),
}
COUNT_OTHERWISE = {"pytest_repeat": {"passed": 2, "failed": 2}}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with PlainServer() as server:
        yield server.url


@pytest.mark.slow
@pytest.mark.parametrize("name", PLUGINS)
def test_beside_another_plugin(name: str, tmp_path: Path, url: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    told = run(tmp_path, url, GOOD + BAD, "-m", "load", "-p", *PLUGINS[name])
    assert "INTERNALERROR" not in told.terminal, told.terminal
    assert "Traceback (most recent call last)" not in told.terminal, told.terminal
    summary = check(told)["summary"]
    wanted = COUNT_OTHERWISE.get(name, {"passed": 1, "failed": 1})
    assert {count: summary[count] for count in wanted} == wanted, told.terminal
