"""The recipes for CI servers can be copied: their YAML is well formed, and every option and variable exists."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from pytest_rtmedload.command.main import _parser
from pytest_rtmedload.plugin.options import OPTIONS
from pytest_rtmedload.spec.suites import SUITES
from tests.docs.pages import ROOT, blocks

PAGES = sorted((ROOT / "docs" / "ci").glob("*.md"))
OURS = {switch for option in OPTIONS for switch in (option.switch, *option.aliases)}
THEIRS = {"-m", "-n", "--junit-xml"}
"""Of pytest and pytest-xdist."""
VARIABLES = {name for option in OPTIONS for name in (option.variable, *option.variables)}
LOCKS = {
    "github-actions.md": r"concurrency:\n +group: load-tests-staging-agent\n +cancel-in-progress: false",
    "azure-devops.md": r"lockBehavior: sequential\n(?:.*\n)*? +environment: staging-agent",
    "gitlab.md": r"resource_group: staging-agent",
}
UPLOADS = {
    "github-actions.md": "if: always()",
    "azure-devops.md": "condition: succeededOrFailed()",
    "gitlab.md": "when: always",
}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def recipes(page: Path) -> list[str]:
    return [block.code for block in blocks(page) if block.language == "yaml"]


def commands(page: Path, program: str) -> list[list[str]]:
    """The command lines that begin with a program, in words."""
    line = re.compile(rf"^(?:- )?(?:(?:run|script): )?({program} .*)$", re.MULTILINE)
    code = "\n".join(line.strip() for recipe in recipes(page) for line in recipe.splitlines())
    return [shlex.split(found) for found in line.findall(code)]


def test_there_is_one_for_each_server() -> None:
    assert [page.name for page in PAGES] == sorted(LOCKS)


@each_page
def test_yaml_is_well_formed(page: Path) -> None:
    """What a parser would refuse first: tabs, a level that nothing opened, quotes and braces that nothing closes."""
    for recipe in recipes(page):
        before, opened, literal = 0, True, -1
        for line in filter(str.strip, recipe.splitlines()):
            depth = len(line) - len(line.lstrip())
            assert "\t" not in line
            if 0 <= literal < depth:
                continue
            assert depth % 2 == 0, line
            assert depth <= before or opened, line
            assert re.fullmatch(r"(?:- )*(?:[\w.-]+:(?: .+)?|[^:]+|[\w-]+: .+)", line.strip()), line
            assert line.count('"') % 2 == 0, line
            assert line.count("{") == line.count("}"), line
            literal = depth if line.endswith("|") else -1
            before, opened = depth, line.endswith((":", "|")) or line.lstrip().startswith("- ")


@each_page
def test_every_option_exists(page: Path) -> None:
    lines = commands(page, "pytest")
    assert len(lines) >= 2
    for words in lines:
        switches = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert switches <= OURS | THEIRS, words
        assert words[words.index("--suite") + 1] in SUITES
        assert "--junit-xml=results/load.xml" in words


@each_page
def test_every_variable_exists(page: Path) -> None:
    named = set(re.findall(r"\b(?:RTMEDLOAD|PYTEST_RTMEDLOAD)_\w+", page.read_text()))
    assert {"RTMEDLOAD_HOST", "RTMEDLOAD_HEADER"} <= named <= VARIABLES


@each_page
def test_every_command_exists(page: Path) -> None:
    found = commands(page, "pytest-rtmedload") or [["pytest-rtmedload", "doctor"]]
    for words in found:
        assert isinstance(_parser().parse_args(words[1:]), argparse.Namespace)


@each_page
def test_results_are_kept_and_agents_are_not_shared(page: Path) -> None:
    text = "\n".join(recipes(page))
    assert text.count(UPLOADS[page.name]) >= (1 if page.name == "gitlab.md" else 2)
    assert re.search(LOCKS[page.name], text)
    assert "-n 4" in text
    assert "(../reference.md#exit-codes)" in page.read_text()
