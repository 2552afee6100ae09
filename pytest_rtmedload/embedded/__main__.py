"""Starts the embedded agent, or one of its services alone, from the command line.

    python -m pytest_rtmedload.embedded agent|llm|cosmos|speech|redis [--port P] [--seed S] [KEY=VALUE …]

It prints one line of JSON when it is ready, and ends on Ctrl-C, on SIGTERM, and when the terminal or pipe it reads from
is closed. Standard input that was never a terminal or a pipe (`</dev/null`, a background job) does not end it.
"""

from __future__ import annotations

import argparse
import os
import signal
import stat
import sys
import threading
from typing import TYPE_CHECKING, Any

from pytest_rtmedload.embedded.keys import PORT_MAX, number
from pytest_rtmedload.embedded.launcher import EmbeddedAgent, EmbeddedAgentError
from pytest_rtmedload.embedded.pipes import say
from pytest_rtmedload.embedded.services import AGENT, SERVICES
from pytest_rtmedload.embedded.settings import KEYS, EmbeddedSettings
from pytest_rtmedload.embedded.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable


def main(arguments: list[str] | None = None) -> int:
    """Run a service in the foreground; returns the exit status."""
    options = _parser().parse_intermixed_args(arguments)
    done = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: done.set())
    try:
        settings = EmbeddedSettings.parse(_pairs(options), options.seed)
        with EmbeddedAgent.start(settings) if options.service == AGENT else Supervised.launch(settings) as running:
            say(_announcement(running, options))
            return _wait(running, done)
    except (EmbeddedAgentError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


def _pairs(options: argparse.Namespace) -> list[str]:
    agent_port = [f"port={options.port}"] if options.service == AGENT and options.port else []
    return [*options.settings, *agent_port]


def _announcement(running: Supervised, options: argparse.Namespace) -> dict[str, Any]:
    service = running.service(options.service, port=options.port)
    return {**service, "services": running.services, "details": running.details}


def _parser() -> argparse.ArgumentParser:
    keys = "\n".join(f"  {key!s:28} {key.text} (default: {key.default})" for key in KEYS.values())
    parser = argparse.ArgumentParser(
        prog="python -m pytest_rtmedload.embedded",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"settings:\n{keys}",
    )
    parser.add_argument("service", choices=SERVICES, help="what to start")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    port = _argument(number(0, PORT_MAX))
    parser.add_argument("--port", type=port, default=0, help="TCP port on 127.0.0.1; a free one by default")
    parser.add_argument("--seed", type=int, default=0, help="seed of delays, faults and answers (default: 0)")
    return parser


def _argument(parse: Callable[[str], int]) -> Callable[[str], int]:
    """A parser whose message argparse shows."""

    def checked(text: str) -> int:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def _wait(running: Supervised, done: threading.Event) -> int:
    mode = os.fstat(0).st_mode
    if os.isatty(0) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        threading.Thread(target=_wait_for_end_of_input, args=(done,), daemon=True).start()
    while not done.wait(0.5):
        if died := running.alive():
            sys.stderr.write(f"error: {died}\n")
            return 1
    return 0


def _wait_for_end_of_input(done: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    done.set()


if __name__ == "__main__":
    sys.exit(main())
