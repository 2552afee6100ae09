"""The documentation as a site: `make docs`. The pages are those that one reads in the repository, unchanged.

The rule: nothing is fetched, and a link or an anchor that leads nowhere fails the build.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "pytest-rtmedload"
author = "the authors of pytest-rtmedload"
extensions = ["myst_parser"]
root_doc = "README"
exclude_patterns = ["conf.py"]
myst_heading_anchors = 4  # as GitHub makes them
html_theme = "furo"
html_title = project
html_show_copyright = False
nitpicky = True
pygments_style = "friendly"
pygments_dark_style = "monokai"

_PAGE = re.compile(r"\]\(([\w/-]+)\.md\)")


def _add_contents(_: Sphinx, page: str, source: list[str]) -> None:
    """The table of `README.md` is also the site's contents, in the same order."""
    if page == root_doc:
        pages = "\n".join(_PAGE.findall(source[0]))
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"


def _add_index(app: Sphinx, error: Exception | None) -> None:
    """What a web server shows for the folder."""
    if error is None and app.builder.name == "html":
        shutil.copyfile(Path(app.outdir, "README.html"), Path(app.outdir, "index.html"))


def setup(app: Sphinx) -> None:
    """Connect them."""
    app.connect("source-read", _add_contents)
    app.connect("build-finished", _add_index)
