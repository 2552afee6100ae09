"""A consultation as the agent sees it: a call is started, connected, held, looked at and ended."""

import contextlib

import pytest

from pytest_rtmedload.dialects import Operation, call_connected, call_disconnected, participants_updated
from pytest_rtmedload.scenarios import play


class Reception:
    """Starts calls at the agent and tells it what Azure Communication Services would."""

    def __init__(self, dialect, number):
        self._dialect = dialect
        self._number = number

    @contextlib.asynccontextmanager
    async def phone(self, load, scenario):
        """A phone call of a scenario, from its start to its end."""
        call_id = await self._start(load, scenario)
        await self._tell(load, call_connected(call_id), participants_updated(call_id, [self._number]))
        async with load.call("phone", call_id) as call:
            yield call
        await load.http.get(
            self._dialect.path_of(Operation.CALL_METRICS, call_id),
            name="GET /api/call/{id}/metrics",
            expect=self._dialect.new_call_metrics,
        )
        await self._tell(load, call_disconnected(call_id))

    async def _start(self, load, scenario):
        response = await load.http.post(
            self._dialect.path_of(Operation.START_CALL),
            json=self._dialect.start_call_body(self._number, scenario=scenario.id, priority=scenario.priority),
            name="POST /api/call",
        )
        response.raise_for_status()
        return self._dialect.call_id_of(response.json())

    async def _tell(self, load, *events):
        await load.http.post(self._dialect.path_of(Operation.CALLBACKS), json=list(events), name="POST /call/callbacks")


@pytest.fixture
def reception(dialect, number_to_call):
    """Where consultations begin and end."""
    return Reception(dialect, number_to_call)


@pytest.fixture
def consult(reception):
    """Holds one consultation, over the phone and the browser in turns."""

    async def consult(load, scenario):
        by_phone = (load.user + load.iteration) % 2 == 0
        async with reception.phone(load, scenario) if by_phone else load.call("browser") as call:
            return await play(scenario, load, call)

    return consult
