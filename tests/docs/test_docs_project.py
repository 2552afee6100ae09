"""What a project says about itself in other files than its documentation: metadata, CI, the lock."""

from __future__ import annotations

import itertools
import os
import re
import tomllib

import trove_classifiers

from tests.docs.pages import ROOT, prose

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
RUN = (ROOT / ".ci" / "run").read_text()
LOCK = (ROOT / "requirements.lock").read_text()


def test_classifiers_are_known_and_sorted() -> None:
    assert set(PROJECT["classifiers"]) <= trove_classifiers.classifiers
    assert len(set(PROJECT["classifiers"])) == len(PROJECT["classifiers"])


def test_the_readme_begins_with_the_description() -> None:
    first = prose(ROOT / "README.md").split("\n\n")[1]
    assert " ".join(first.split()).startswith(PROJECT["description"] + ". ")


def test_the_forge_tests_the_oldest_and_the_newest_python_on_both_systems() -> None:
    minors = [int(found) for found in re.findall(r":: 3\.(\d+)", "\n".join(PROJECT["classifiers"]))]
    assert f">=3.{min(minors)}" == PROJECT["requires-python"]
    tested = set(re.findall(r"os: (\w+)-latest\n +python: \"3\.(\d+)\"", WORKFLOW))
    assert tested == {("ubuntu", str(max(minors))), ("macos", str(min(minors))), ("macos", str(max(minors)))}
    assert f'python-version: "3.{min(minors)}"\n      - run: bash .ci/run' in WORKFLOW


def test_what_ci_runs_exists() -> None:
    rules = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for text in (RUN, WORKFLOW):
        assert set(re.findall(r"^(?: *- run: )?make (\w+)", text, re.MULTILINE)) <= set(rules)
        for script in re.findall(r"\.ci/[\w-]+$", text, re.MULTILINE):
            assert script == ".ci/results" or os.access(ROOT / script, os.X_OK), script


def test_ci_runs_every_test_once_and_repeats_only_what_a_busy_machine_can_fail() -> None:
    marks = ("alone", "slow", "timing")
    final = re.findall(r"""^(?:\$PYTEST|make test) .*-m ["']([^"']+)["']""", RUN, re.MULTILINE)
    repeated = re.findall(r'^timed "([^"]+)"', RUN, re.MULTILINE)
    assert len(final) == len(repeated) == 2
    for values in itertools.product((True, False), repeat=3):
        marked = dict(zip(marks, values, strict=True))
        runs = [expression for expression in (*final, *repeated) if eval(expression, {}, marked)]  # noqa: S307
        assert len(runs) == 1, marked
        assert (runs[0] in repeated) == (marked["alone"] or marked["timing"]), marked


def test_the_lock_has_hashes_and_no_registry() -> None:
    assert "//" not in LOCK
    assert "index" not in LOCK.lower()
    for requirement in re.split(r"\n(?=\S)", LOCK.strip()):
        assert re.match(r"[\w.-]+==\S+( ; .+)? \\\n +--hash=sha256:", requirement), requirement
