"""Finds the agent: the configured one, or an embedded one that is started when a test first needs it.

The agent is found once per run, by the coordinator; workers are told its URL. A named agent is asked whether it
answers before the first test, so that a dead one is one error and not fifty. Where tests run side by side several
threads want it at once: the first finds it, the others wait for what it finds.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from pytest_rtmedload.dialects import DIALECTS, Dialect
from pytest_rtmedload.results.model import AgentInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_rtmedload.embedded.launcher import EmbeddedAgent
    from pytest_rtmedload.embedded.services import Service
    from pytest_rtmedload.spec.load_config import LoadConfig

ANSWER_S: Final = 10.0
"""Longest time for the first answer of a configured agent, in seconds; any answer counts."""


class AgentUnavailable(Exception):  # noqa: N818 - names a state
    """There is no agent to test; the message is one line with what to do."""


@dataclass(frozen=True, slots=True)
class Agent:
    """The system under test."""

    url: str
    dialect: str
    embedded: bool
    pid: int | None = None
    """Of the embedded agent's first process; all others are its children."""


@dataclass(frozen=True, slots=True)
class AgentUnderTest:
    """Value of the `agent` fixture."""

    url: str
    """Base URL, without a trailing slash."""
    dialect: Dialect
    """Paths and bodies of the agent's version."""
    embedded: bool
    """True for the stand-in that comes with the plugin."""
    number_to_call: str | None
    """Number that tests may call; None for a remote agent without `--load-allow-calls` and `--load-call-number`."""


class AgentProvider:
    """Finds or starts the agent of a run, at most once, and stops an agent that it started."""

    def __init__(self, config: LoadConfig) -> None:
        self._config = config
        self._agent: Agent | None = None
        self._embedded: EmbeddedAgent | None = None
        self._answered = False
        self._missed = False
        self._lock = threading.RLock()

    def known(self) -> Agent | None:
        """The agent, if one is running or configured; checks once that a configured one answers.

        Raises:
            AgentUnavailable: the configured agent does not answer, or the embedded one has died.
        """
        with self._lock:
            host = self._config.host
            if host is not None and self._agent is None:
                self._agent = Agent(host, self._config.dialect, embedded=False)
            if host is not None and not self._answered:
                path = self._config.wire.paths.health
                ask(host, path, verify=self._config.verify, addresses=self._config.addresses)
                self._answered = True
            self._check_embedded()
            return self._agent

    def obtain(self) -> Agent:
        """The agent; an embedded one is started when none is configured.

        Raises:
            AgentUnavailable: there is none, and none could be started.
        """
        with self._lock:
            return self.known() or self._start_embedded()

    def service(self, name: str) -> Service:
        """A service of the embedded agent, such as `llm`; both are started if they are not running.

        Raises:
            AgentUnavailable: the configured agent has no embedded services, or the service cannot start.
        """
        from pytest_rtmedload.embedded.launcher import EmbeddedAgentError  # noqa: PLC0415 - where needed

        with self._lock:
            agent = self.obtain()
            if self._embedded is None:
                url = without_secrets(agent.url)
                raise AgentUnavailable(
                    f"there is no embedded {name} with the agent at {url}: configure the endpoint of a real one"
                )
            try:
                return self._embedded.service(name)
            except EmbeddedAgentError as error:
                raise AgentUnavailable(str(error)) from None

    def doubt(self) -> None:
        """After a test in which everything failed: check a configured agent again before the next test."""
        self._answered = False

    def missed(self) -> bool:
        """Note that a test could not get its agent; True if an earlier test has already reported that."""
        with self._lock:
            before, self._missed = self._missed, True
            return before

    def info(self) -> AgentInfo:
        """The agent as reports describe it."""
        if self._agent is None:
            return AgentInfo(None, self._config.dialect, embedded=False)
        details = dict(self._embedded.details) if self._embedded is not None else {}
        if self._config.verify is False:
            details["certificates"] = "not checked (--load-insecure)"
        return AgentInfo(without_secrets(self._agent.url), self._agent.dialect, self._agent.embedded, dict(details))

    def stop(self) -> None:
        """Stop the embedded agent; further calls do nothing."""
        with self._lock:  # waits for an agent that is being started, which would otherwise be left running
            embedded, self._embedded = self._embedded, None
        if embedded is not None:
            embedded.stop()

    def _check_embedded(self) -> None:
        died = self._embedded.alive() if self._embedded is not None else None
        if died is not None:
            raise AgentUnavailable(died)

    def _start_embedded(self) -> Agent:
        from pytest_rtmedload.embedded.launcher import EmbeddedAgent, EmbeddedAgentError  # noqa: PLC0415 - where needed
        from pytest_rtmedload.embedded.settings import EmbeddedSettings  # noqa: PLC0415 - where needed

        if self._config.dialect not in DIALECTS:
            raise AgentUnavailable(only_its_own(self._config.dialect))
        try:
            pairs = [f"dialect={self._config.dialect}", *self._config.embedded]
            self._embedded = EmbeddedAgent.start(EmbeddedSettings.parse(pairs, self._config.seed))
        except (EmbeddedAgentError, ValueError) as error:
            raise AgentUnavailable(f"the embedded agent could not be started: {error}") from None
        self._agent = Agent(self._embedded.url, self._config.dialect, embedded=True, pid=self._embedded.pid)
        return self._agent


def only_its_own(dialect: str) -> str:
    """Why the embedded agent cannot be tested with a dialect of a project's own."""
    return (
        f"the embedded agent serves only its own dialects ({', '.join(DIALECTS)}), not {dialect}: "
        "name an agent that speaks it with --load-host, or leave --load-dialect out"
    )


def ask(
    url: str,
    path: str,
    within_s: float = ANSWER_S,
    *,
    verify: bool | str = True,
    addresses: Mapping[tuple[str, int], str] | None = None,
) -> None:
    """Check that an agent gives any HTTP answer.

    Args:
        url: of the agent.
        path: of the request.
        within_s: time limit in seconds.
        verify: whether to check certificates, or a PEM file of further authorities to trust.
        addresses: host and port → the address to connect to, where a name is not to be looked up.

    Raises:
        AgentUnavailable: there is no answer; the message has the address, the reason and what to do.
    """
    parts = urlsplit(url)
    try:
        connection = http.client.HTTPConnection(parts.netloc.rpartition("@")[2], timeout=within_s)
        connection.sock = _dial(parts, within_s, verify, addresses or {})
        try:
            connection.request("GET", parts.path.rstrip("/") + path)
            connection.getresponse()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise AgentUnavailable(
            f"the agent at {without_secrets(url)} does not answer: {_reason(error, within_s)}; "
            "start it, correct its URL (--load-host or API_BASE_URL), or leave that out to test the embedded agent"
        ) from None


def _dial(
    parts: SplitResult, within_s: float, verify: bool | str, addresses: Mapping[tuple[str, int], str]
) -> socket.socket:
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    plain = socket.create_connection((addresses.get((host, port), host), port), within_s)
    if parts.scheme != "https":
        return plain
    try:
        context = ssl.create_default_context()
        if isinstance(verify, str):
            context.load_verify_locations(verify)
        elif not verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _reason(error: Exception, within_s: float) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return "the host name cannot be resolved"
    if isinstance(error, TimeoutError):
        return f"no answer within {within_s:g} s"
    if isinstance(error, ssl.SSLError):
        return _tls_reason(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def without_secrets(url: str) -> str:
    """The URL without user name, password and query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}): --load-ca FILE adds an authority"
    if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "this port does not speak TLS: write http:// instead of https://"
    return f"TLS failed ({error.reason or error})"
