"""What the documentation points at exists, and it says nothing about the machine it was written on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, commands, prose

LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"(?<![\w./<-])((?:pytest_rtmedload|tests|benchmarks|docs|\.ci)(?:/[\w.-]+)+/?)(?:::(\w+))?")
MAKE = re.compile(r"\bmake (\w+)")
MACHINE = re.compile(r"/(?:work|tmp|root|home|Users)/|shared/|[a-zA-Z]:\\")
REGISTRY = re.compile(r"index-url|--index=|/simple/")
PICTOGRAPH = re.compile("[\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001ffff]")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.is_file(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@each_page
def test_paths_and_tests_that_are_named_exist(page: Path) -> None:
    for path, test in PATH.findall(page.read_text()):
        found = ROOT / path.rstrip(".")
        assert found.exists(), f"{page.name}: {path}"
        if test:
            assert re.search(rf"def {test}\(", found.read_text()), f"{page.name}: {path}::{test}"


@each_page
def test_make_targets_exist(page: Path) -> None:
    rules = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in [*commands(page), *re.findall(r"`(make [^`]+)`", prose(page))]:
        for target in MAKE.findall(line):
            assert target in rules, f"{page.name}: {line}"


@each_page
def test_no_machine_and_no_registry(page: Path) -> None:
    text = page.read_text()
    for pattern in (MACHINE, REGISTRY, PICTOGRAPH):
        assert not pattern.search(text), f"{page.name}: {pattern.search(text)}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in PAGES:
        if page.is_relative_to(ROOT / "docs") and page != ROOT / "docs" / "README.md":
            assert f"({page.relative_to(ROOT / 'docs').as_posix()})" in index


def test_the_picture_is_small() -> None:
    assert (ROOT / "docs" / "images" / "report.png").stat().st_size < 150_000
