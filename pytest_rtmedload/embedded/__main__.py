"""Starts the embedded agent alone, for people: `python -m pytest_rtmedload.embedded agent [--port P] [KEY=VALUE …]`.

The rule: one line of JSON when it is ready; it ends on Ctrl-C, on SIGTERM, and when the terminal or pipe it reads from
is closed. Standard input that never was one of these (`</dev/null`, a background job) does not end it.
"""

from __future__ import annotations

import argparse
import os
import signal
import stat
import sys
import threading

from pytest_rtmedload.embedded.launcher import EmbeddedAgent, EmbeddedAgentError
from pytest_rtmedload.embedded.pipes import say
from pytest_rtmedload.embedded.settings import KEYS, EmbeddedSettings


def main(arguments: list[str] | None = None) -> int:
    """Run the agent in the foreground; returns the exit status."""
    options = _parser().parse_args(arguments)
    pairs = [*options.settings, *([f"port={options.port}"] if options.port is not None else [])]
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    try:
        with EmbeddedAgent.start(EmbeddedSettings.parse(pairs, options.seed)) as agent:
            say({"url": agent.url, "pid": agent.pid, "services": agent.services, "details": agent.details})
            return _wait(agent, done)
    except (EmbeddedAgentError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    keys = "\n".join(f"  {key!s:28} {key.text} (default: {key.default})" for key in KEYS.values())
    parser = argparse.ArgumentParser(
        prog="python -m pytest_rtmedload.embedded",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"settings:\n{keys}",
    )
    parser.add_argument("service", choices=["agent"], help="what to start")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--port", type=int, help="TCP port on 127.0.0.1; a free one by default")
    parser.add_argument("--seed", type=int, default=0, help="seed of delays and faults (default: 0)")
    return parser


def _wait(agent: EmbeddedAgent, done: threading.Event) -> int:
    mode = os.fstat(0).st_mode
    if os.isatty(0) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        threading.Thread(target=_wait_for_end_of_input, args=(done,), daemon=True).start()
    while not done.wait(0.5):
        if died := agent.alive():
            sys.stderr.write(f"error: {died}\n")
            return 1
    return 0


def _wait_for_end_of_input(done: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    done.set()


if __name__ == "__main__":
    sys.exit(main())
