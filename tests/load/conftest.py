"""Fixtures of the standard suite: what every group needs to know about the agent under test.

The suite drives any agent: the embedded one by default, yours with `--host URL`. Names of samples are those of the
default dialect whatever paths the agent has, so that targets and earlier results keep their names.
"""

import pytest

from pytest_rtmedload import user_fixture
from pytest_rtmedload.dialects import Operation


@pytest.fixture
def dialect(agent):
    """Paths and bodies of the agent's version."""
    return agent.dialect


@pytest.fixture
def number_to_call(agent):
    """A number that may be called; a remote agent's calls need consent and a number, as they could ring a phone."""
    if agent.number_to_call is None:
        pytest.skip(
            "starts calls at a remote agent, which could ring a phone: "
            "give --load-allow-calls and --load-call-number +15550100000 to allow it"
        )
    return agent.number_to_call


@user_fixture
async def call_id(load, dialect, number_to_call):
    """A call this user has started."""
    response = await load.http.post(
        dialect.path_of(Operation.START_CALL),
        json=dialect.start_call_body(number_to_call),
        name="POST /api/call",
    )
    response.raise_for_status()
    return dialect.call_id_of(response.json())
