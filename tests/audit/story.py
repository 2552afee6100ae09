"""One checker for all outputs of a run: exit status, terminal, JSON, JUnit, CSV, page, Markdown, log, annotations."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COUNTS = ("passed", "failed", "inconclusive", "invalid", "xfailed", "xpassed", "skipped", "not_run")
LATEST = "results/load_test_report_latest"


@dataclass(frozen=True)
class Told:
    """What a run left."""

    folder: Path
    status: int
    terminal: str
    junit: bool = True
    """False where pytest was killed before it could write its own file."""

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.text(f"{LATEST}.json"))  # type: ignore[no-any-return]


def check(told: Told) -> dict[str, Any]:
    """All outputs tell the same story; returns the JSON result."""
    document = told.document
    summary, outcomes = document["summary"], document["outcomes"]
    _adds_up(summary, outcomes)
    _no_better_than_pytest(told, summary)
    _same_headline(told, summary)
    _same_as_pytest_counts(told, summary, outcomes)
    _same_tests(told, document)
    _same_numbers_in_csv(told, document)
    if told.junit:
        _same_cases(told, document)
    _ci_is_told(told, document)
    return document


def _adds_up(summary: dict[str, Any], outcomes: list[dict[str, Any]]) -> None:
    counted = {name: sum(outcome["counted"] == name for outcome in outcomes) for name in (*COUNTS, "deselected")}
    assert counted == {name: summary[name] for name in counted}
    assert summary["tests"] == sum(counted[name] for name in COUNTS)
    assert summary["errored"] == sum(outcome["outcome"] == "error" for outcome in outcomes)


def _no_better_than_pytest(told: Told, summary: dict[str, Any]) -> None:
    if summary["exit_status"] is not None:
        assert summary["exit_status"] == told.status
    if told.status != 0:
        assert summary["verdict"] != "PASS"
    if summary["verdict"] == "FAIL":
        assert told.status != 0
    if summary["verdict"] != "PASS":
        assert summary["reasons"]


def counts_line(summary: dict[str, Any]) -> str:
    """How every report tells the counts."""
    tests = summary["tests"]
    named = ", ".join(f"{summary[name]} {name.replace('_', ' ')}" for name in COUNTS if summary[name])
    line = f"{tests} test{'' if tests == 1 else 's'}" + (f": {named}" if named else "")
    return line + (f"; {summary['deselected']} not selected" if summary["deselected"] else "")


def _same_headline(told: Told, summary: dict[str, Any]) -> None:
    line = counts_line(summary) if summary["tests"] else "no load test ran"
    for text in (told.terminal, told.text(f"{LATEST}_summary.log")):
        if text:
            assert f"load test: {summary['verdict']} · " in text
            assert line in one_line(text)
    assert f"## Load test: {summary['verdict']}\n" in told.text("step.md")
    assert line in plain_markdown(told.text("step.md"))
    page = told.text(f"{LATEST}.html")
    assert f"<title>{summary['verdict']} · load test" in page
    assert counts_line(summary) in words(page)
    for reason in summary["reasons"]:
        assert flat(reason) in words(page)
        assert flat(reason)[:250] in plain_markdown(told.text("step.md"))
        assert flat(reason) in one_line(told.text(f"{LATEST}_summary.log"))


def _same_as_pytest_counts(told: Told, summary: dict[str, Any], outcomes: list[dict[str, Any]]) -> None:
    last = [line for line in told.terminal.splitlines() if re.search(r" in [\d.]+s", line)]
    if not last:
        return  # killed
    pytest_says = {word.rstrip("s"): int(n) for n, word in re.findall(r"(\d+) (\w+)", last[-1].partition(" in ")[0])}
    kinds = [outcome["outcome"] for outcome in outcomes]
    torn = sum(outcome["outcome"] == "error" and outcome["phase"] == "teardown" for outcome in outcomes)
    others = summary["other_failures"]
    assert pytest_says.get("skipped", 0) == kinds.count("skipped") + kinds.count("deselected")
    assert pytest_says.get("xfailed", 0) == kinds.count("xfailed")
    assert pytest_says.get("xpassed", 0) == kinds.count("xpassed")
    assert (
        pytest_says.get("failed", 0) + pytest_says.get("error", 0)
        == kinds.count("failed") + kinds.count("error") + others
    )
    assert pytest_says.get("passed", 0) >= kinds.count("passed") + torn


def _same_tests(told: Told, document: dict[str, Any]) -> None:
    page, log = words(told.text(f"{LATEST}.html")), one_line(told.text(f"{LATEST}_summary.log"))
    markdown = plain_markdown(told.text("step.md"))
    for outcome in document["outcomes"]:
        if outcome["outcome"] != "deselected":
            name = outcome["nodeid"].rpartition("/")[2]
            assert name in page
            assert name in markdown
    for test in document["tests"]:
        assert test["nodeid"] in log
        if test["reasons"] and not test["superseded"]:
            assert flat(test["reasons"][0]) in page
            assert flat(test["reasons"][0]) in log


def _same_numbers_in_csv(told: Told, document: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(told.text(f"{LATEST}.csv"))))
    measured = [test for test in document["tests"] if not test["superseded"]]
    total = sum(int(row[n]) for row in rows if row["metric"] == "iteration" and not row["tag"] for n in _OUTCOMES)
    assert total == sum(test["iterations"] for test in measured)
    shown = {outcome["nodeid"] for outcome in document["outcomes"] if outcome["outcome"] != "deselected"}
    assert {row["nodeid"].partition("#")[0] for row in rows} == shown
    for test in measured:
        word = {"xfailed": "XFAIL", "xpassed": "XPASS"}.get(test["outcome"], test["verdict"])
        assert {row["verdict"] for row in rows if row["nodeid"] == test["nodeid"]} == {word}


_OUTCOMES = ("count", "failed", "censored")


def _same_cases(told: Told, document: dict[str, Any]) -> None:
    cases = list(ET.parse(told.folder / "out.xml").getroot().iter("testcase"))  # noqa: S314 - our own file
    criteria = [case for case in cases if case.get("classname") == "load.criteria"]
    assert len(criteria) == len(document["criteria"])
    for outcome in document["outcomes"]:
        name = outcome["nodeid"].rpartition("::")[2]
        mine = [case for case in cases if case.get("name") == name and case not in criteria]
        found = {child.tag for case in mine for child in case} & {"failure", "error", "skipped"}
        wanted = _TAGS.get(outcome["outcome"])
        if wanted is not None:
            assert found == wanted, (outcome, found)
        elif outcome["outcome"] == "not_run":
            assert not mine
    verdicts = {
        test["nodeid"].rpartition("::")[2]: test["verdict"] for test in document["tests"] if not test["superseded"]
    }
    for case in cases:
        said = [p.get("value") for p in case.iter("property") if p.get("name") == "load.verdict"]
        if case not in criteria and said and case.get("name") in verdicts:
            assert said[-1] == verdicts[case.get("name") or ""]


_TAGS = {
    "passed": set(),
    "failed": {"failure"},
    "error": {"error"},
    "skipped": {"skipped"},
    "deselected": {"skipped"},
    "xfailed": {"skipped"},
    "xpassed": set(),
}


def _ci_is_told(told: Told, document: dict[str, Any]) -> None:
    notes = [line for line in told.terminal.splitlines() if line.startswith(("::error", "::warning"))]
    summary = document["summary"]
    if not told.terminal:
        return
    assert bool(notes) == (summary["verdict"] != "PASS" or any(c["verdict"] == "FAIL" for c in document["criteria"]))
    failed = [outcome for outcome in document["outcomes"] if outcome["counted"] == "failed"]
    for outcome in failed[:5]:
        name = outcome["nodeid"].rpartition("::")[2].replace(",", "%2C")
        assert any(note.startswith("::error") and name in note for note in notes), (name, notes)


def flat(text: str) -> str:
    return " ".join(text.split())


def one_line(text: str) -> str:
    return flat(text)


def plain_markdown(text: str) -> str:
    return flat(html.unescape(re.sub(r"\\(.)", r"\1", text)))


def words(page: str) -> str:
    return flat(html.unescape(re.sub(r"<[^>]*>", " ", page))).replace(" ;", ";")
