"""Starting the embedded agent from another process: the plugin, a test, a command line.

The rule: an agent that was started answers; `supervised` states the guarantees for every process below it.
"""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pytest_rtmedload.embedded import ground_truth
from pytest_rtmedload.embedded.services import AGENT, REDIS
from pytest_rtmedload.embedded.settings import EmbeddedSettings
from pytest_rtmedload.embedded.supervised import START_S, EmbeddedAgentError, Supervised

if TYPE_CHECKING:
    from pytest_rtmedload.dialects import Operation

__all__ = ["EmbeddedAgent", "EmbeddedAgentError"]


class EmbeddedAgent(Supervised):
    """A running embedded agent. A context manager; `start` is the only way to make one."""

    url: str
    """Where it answers, such as `http://127.0.0.1:40123`."""
    store_url: str
    """Its Valkey, as `redis.from_url` takes it: `unix:///…/valkey.sock`."""

    @classmethod
    def start(cls, settings: EmbeddedSettings | None = None, timeout: float = START_S) -> Self:
        """Start an agent and wait until it answers, at most `timeout` seconds. Blocks.

        Raises:
            EmbeddedAgentError: it did not come up; the text says why and what to do.
        """
        settings = settings or EmbeddedSettings.parse()
        agent = cls.launch(settings)
        try:
            agent.url = agent.service(AGENT, timeout, settings.port)["url"]
            agent.store_url = agent.service(REDIS, timeout)["url"]
        except BaseException:
            agent.stop()
            raise
        return agent

    def truth(self) -> dict[Operation, ground_truth.OperationTruth]:
        """What the agent measured about itself since the last reset."""
        return ground_truth.read_truth(self._ask("GET", ground_truth.PATH))

    def reset_truth(self) -> None:
        """Forget what was measured, and count stalls and slow starts from the next request."""
        self._ask("POST", ground_truth.RESET_PATH)

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request(method, path)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        except OSError as error:
            raise EmbeddedAgentError(
                self.alive() or f"the embedded agent at {self.url} does not answer: {error}"
            ) from None
        finally:
            connection.close()
        return answer
