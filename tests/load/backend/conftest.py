"""The backend services under test, each through its own official client, one client for every virtual user.

A service that the environment names is driven there; else the embedded one is. Each is asked once whether it lets us
in: one that does not is one failure, and the other tests of it are skipped with the reason.
"""

import contextlib
import functools
import uuid

import pytest

from pytest_rtmedload import user_fixture
from pytest_rtmedload.backends import cosmos_client, llm_client, recognition, redis_client, synthesis
from pytest_rtmedload.backends.errors import ServiceError
from pytest_rtmedload.backends.readiness import PATIENCE_S, NotReady, Readiness
from pytest_rtmedload.backends.threads import run_apart


@pytest.fixture(scope="session")
def run_id(request):
    """Names what this run writes; the same in all processes of the run."""
    return getattr(request.config, "workerinput", {}).get("testrunuid", uuid.uuid4().hex)[:8]


@pytest.fixture(scope="session")
def ready(service_endpoint):
    """`ready("redis", ask)`: the service, once it has let us in."""
    readiness = Readiness()

    def ask_once(service, ask):
        try:
            return readiness.ask(service_endpoint(service), ask)
        except NotReady as not_ready:
            reason, broken = str(not_ready), not_ready.broken
        if broken:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    return ask_once


@pytest.fixture
def redis_ready(ready):
    """A Redis that answers."""
    return ready("redis", redis_client.ask)


@pytest.fixture
def llm_ready(ready):
    """A language model that answers."""
    return ready("llm", llm_client.ask)


@pytest.fixture
def speech_ready(ready):
    """A speech service that speaks."""
    return ready("speech", synthesis.ask)


@pytest.fixture(scope="session")
def cosmos_places(run_id):
    """Makes the container of this run; what was made is removed when the session ends."""
    made = []

    async def prepare(endpoint, deadline_s):
        place = await cosmos_client.prepare(endpoint, run_id, deadline_s)
        if place.created:
            made.append((endpoint, place))
        return place

    yield prepare
    for endpoint, place in made:
        with contextlib.suppress(ServiceError):  # the service is gone, and an embedded one's data with it
            run_apart(functools.partial(cosmos_client.remove, endpoint, place, PATIENCE_S), 2 * PATIENCE_S)


@pytest.fixture
def cosmos_ready(ready, cosmos_places):
    """A Cosmos DB with a container to write to."""
    return ready("cosmos", cosmos_places)


@user_fixture
async def redis(load, redis_ready, run_id):
    """This user's Redis; the first user also watches what the server says about itself."""
    async with redis_client.redis_user(load, redis_ready.endpoint, run_id) as user, redis_client.watched(user):
        yield user


@user_fixture
async def llm(load, llm_ready):
    """This user's language model."""
    async with llm_client.llm_user(load, llm_ready.endpoint) as user:
        yield user


@user_fixture
async def cosmos(load, cosmos_ready):
    """This user's Cosmos DB."""
    async with cosmos_client.cosmos_user(load, cosmos_ready.endpoint, cosmos_ready.found) as user:
        yield user


@user_fixture
async def recognizer(load, speech_ready):
    """This user's speech recognition."""
    async with recognition.recognizer(load, speech_ready.endpoint) as user:
        yield user


@user_fixture
async def synthesizer(load, speech_ready):
    """This user's speech synthesis."""
    async with synthesis.synthesizer(load, speech_ready.endpoint) as user:
        yield user
