"""The command line: one module for each command, imported when it is asked for.

Exit status: 0 for success, 1 when `doctor` found a problem that prevents a run, 2 for wrong use; an error is one line
on standard error that says what to do. `--help` imports no other module of the package.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_DESCRIPTION: Final = """\
Writes the standard suite into a project, renders results, and checks the machine that runs load tests.
The load tests themselves are run by pytest: pytest -m load --suite quick
"""
_INIT: Final = """\
Writes the standard suite of load tests into DIR/tests/load and a section of settings, commented out, into
pyproject.toml. Existing pytest settings are not changed; the section is then printed.

A changed file of the suite is overwritten only with --force.
"""
_REPORT: Final = """\
Creates the HTML page from a JSON result, with the layout of this version.
OUT is replaced only when the page is complete. Recorded calls can be played when OUT is in the folder of FILE.
If FILE ends in .partial.jsonl, which a killed run leaves, all its reports are written and marked PARTIAL.
"""
_DOCTOR: Final = """\
Reports what is installed, what pytest loads, which agent and services are configured and whether they respond, and how
much load this machine can generate. It starts no load test, places no call, and shows no secrets.

Exit status: 0 when a quick run could start here, otherwise 1.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not support µ
    options = _parser().parse_args(arguments)
    try:
        status = _run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # as in `schema | head`; nothing more can be written, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return status


def _run(options: argparse.Namespace) -> int:
    if options.command == "init":
        from pytest_rtmedload.command.init import write_suite  # noqa: PLC0415 - only what is asked for

        return write_suite(options.directory, force=options.force)
    if options.command == "report":
        from pytest_rtmedload.command.report import draw  # noqa: PLC0415 - as above

        return draw(options.file, options.out)
    if options.command == "schema":
        from pytest_rtmedload.command.schema import show  # noqa: PLC0415 - as above

        return show()
    from pytest_rtmedload.command.doctor import examine  # noqa: PLC0415 - as above

    return examine(options.pytest_arguments, measure=options.measure)


def _parser() -> argparse.ArgumentParser:
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("pytest-rtmedload", description=_DESCRIPTION, formatter_class=kind)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    init = commands.add_parser(
        "init", help="write the standard suite into a project", description=_INIT, formatter_class=kind
    )
    init.add_argument("directory", metavar="DIR", nargs="?", default=".", help="the project (default: this folder)")
    init.add_argument("--force", action="store_true", help="overwrite files of the suite that were changed")
    report = commands.add_parser("report", help="create the HTML page from a JSON result", description=_REPORT)
    report.add_argument("file", metavar="FILE", help="a JSON result, such as results/load_test_report_latest.json")
    report.add_argument("-o", dest="out", metavar="OUT.html", help="the page to write (default: FILE with .html)")
    commands.add_parser("schema", help="print the JSON Schema of results", description="Prints the JSON Schema.")
    doctor = commands.add_parser(
        "doctor", help="check whether load tests can run here", description=_DOCTOR, formatter_class=kind
    )
    doctor.add_argument(
        "--no-measure",
        dest="measure",
        action="store_false",
        help="skip the measurement of what a core can generate (seconds)",
    )
    doctor.add_argument(
        "pytest_arguments",
        nargs="*",
        metavar="PYTEST",
        help="arguments for pytest, after --, as in: doctor -- --host https://agent.example",
    )
    return parser
