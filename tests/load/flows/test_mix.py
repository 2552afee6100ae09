"""All consultations side by side, as often as their weights say; results of each under its tag."""

import pytest

from pytest_rtmedload.scenarios import Deck, shipped


@pytest.fixture
def deck():
    """Deals every scenario once, then by weight."""
    return Deck(list(shipped().values()))


@pytest.mark.load(
    metric="voice.loop",
    p95=700,
    timeout="60s",
    users={"quick": 36},
    iterations={"quick": 1},
)
async def test_consultations(load, deck, consult):
    if load.iteration == 0:
        await load.think(0, 3)  # callers do not speak in step; a pause is not part of the iteration's time
    await consult(load, deck.deal(load.random))
