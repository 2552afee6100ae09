"""The page in a real browser: what only a layout engine can tell. Skipped where no Chromium is installed."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rtmedload.report.page.html import page
from tests.report.report_builders import failing_test, hostile_test, inconclusive_test, invalid_test, make_run
from tests.report.report_details import capacity_test, flow_test, spike_test

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
CONTRAST = 4.5
"""WCAG 2.2, 1.4.3 (AA) for text of any size."""
FAINTEST = """() => {
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const rgba = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const [r, g, b, a = 1] = rgba(getComputedStyle(element).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("svg, script")) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), texts.currentNode.data.trim().slice(0, 40)]);
  }
  return found.sort((x, y) => x[0] - y[0])[0];
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET), timeout=60_000)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with one test of each kind; no recordings, whose files would have to lie beside it."""
    tests = [failing_test(), invalid_test(), inconclusive_test(), capacity_test(), spike_test(), hostile_test()]
    talk = dataclasses.replace(flow_test(), recordings=[])
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(make_run([*tests, talk])), "utf-8", "backslashreplace")
    return path


class Tab:
    """The page in a window; notes what a reader would not see."""

    def __init__(self, chromium: Any, path: Path, **context: Any) -> None:
        self.url = path.as_uri()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page = chromium.new_context(**context).new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(self.url)

    def figure(self, within: str = "#test-1") -> Any:
        """The first drawing that can be read out."""
        return self.page.locator(f"{within} .read-out").first


@pytest.fixture(scope="module")
def window(chromium: Any, everything: Path) -> Tab:
    return Tab(chromium, everything, has_touch=True)


@pytest.fixture
def tab(window: Tab) -> Iterator[Tab]:
    """The page as it was opened: loading it for each test would take most of the time."""
    yield window
    window.page.emulate_media(media="screen", color_scheme="light")
    window.page.set_viewport_size({"width": 1280, "height": 800})
    window.page.mouse.move(0, 0)
    window.page.evaluate("document.activeElement.blur()")


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_page_is_never_wider_than_the_window(tab: Tab, width: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": 800})
    tab.page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width


def test_page_loads_nothing_and_complains_about_nothing(tab: Tab) -> None:
    assert set(tab.requests) <= {tab.url, "data:,"}
    assert tab.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_words_can_be_read(tab: Tab, scheme: str) -> None:
    tab.page.emulate_media(color_scheme=scheme)
    ratio, words = tab.page.evaluate(FAINTEST)
    assert ratio >= CONTRAST, words


def test_the_numbers_under_the_pointer_are_read_out(tab: Tab) -> None:
    figure = tab.figure()
    figure.locator(".chart").hover(position={"x": 300, "y": 60})
    said = figure.locator(".read").inner_text().split()
    row = figure.locator("tbody tr").nth(int(figure.locator("input").input_value()))
    cells = [cell.strip() for cell in row.locator("td").all_text_contents()]
    assert said[:4] == ["second", cells[0], "phase", cells[1]]
    assert set(cells) <= set(said)
    assert figure.locator(".cursor").is_visible()
    tab.page.mouse.move(0, 0)
    assert figure.locator(".cursor").is_hidden()


def test_arrow_keys_go_from_second_to_second(tab: Tab) -> None:
    slider = tab.figure().locator("input")
    slider.focus()
    slider.press("Home")
    for _ in range(13):
        slider.press("ArrowRight")
    told = slider.get_attribute("aria-valuetext") or ""
    assert told.startswith("second 13 ")
    assert "failed 0" not in told  # these seconds lost answers
    assert slider.get_attribute("aria-label") == "Over time (ms)"


def test_a_finger_reads_out_too(tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 375, "height": 800})
    figure = tab.figure("#test-1 .pair")
    figure.locator(".chart").tap(position={"x": 150, "y": 60})
    assert figure.locator(".read").inner_text().startswith("percentile p")


def test_everything_is_open_on_paper(tab: Tab) -> None:
    tab.page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = false))")
    tab.page.emulate_media(media="print", color_scheme="dark")
    heights = tab.page.evaluate(
        "[...document.querySelectorAll('details:not(.seconds, .bars-table) > .scroll')].map((d) => d.offsetHeight)"
    )
    assert heights
    assert min(heights) > 0
    assert tab.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.page.evaluate(FAINTEST)[0] >= CONTRAST
    assert tab.page.locator(".seconds").first.is_hidden()


def test_without_script_every_number_stands_in_a_table(chromium: Any, everything: Path) -> None:
    still = Tab(chromium, everything, java_script_enabled=False)
    assert still.page.locator("input, .read, .cursor").count() == 0
    figure = still.figure()
    figure.locator("summary").click()
    assert figure.locator("tbody tr").first.is_visible()
