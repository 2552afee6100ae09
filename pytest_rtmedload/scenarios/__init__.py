"""Whole consultations as data, and the code that plays them."""

from __future__ import annotations

from pytest_rtmedload.scenarios.model import Priority, Scenario, ScenarioError, TurnPlan
from pytest_rtmedload.scenarios.play import Consultation, play
from pytest_rtmedload.scenarios.reading import Deck, read_scenarios, shipped

__all__ = [
    "Consultation",
    "Deck",
    "Priority",
    "Scenario",
    "ScenarioError",
    "TurnPlan",
    "play",
    "read_scenarios",
    "shipped",
]
