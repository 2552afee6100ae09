"""Which load profile drives a load test: the one its shape names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.schedule.capacity import Capacity
from pytest_rtmedload.schedule.conductors import Arrivals, Conductor, Steady
from pytest_rtmedload.schedule.staged import Spike, Steps
from pytest_rtmedload.spec.shapes import Kind

if TYPE_CHECKING:
    from pytest_rtmedload.spec.load_spec import LoadSpec


def conductor_for(spec: LoadSpec) -> Conductor:
    """The conductor of a load test's shape, at its beginning."""
    match spec.shape.kind:
        case Kind.CUSTOM:
            custom: Conductor = spec.shape.conductor
            return custom
        case Kind.RAMP | Kind.STEPS:
            return Steps(spec)
        case Kind.SPIKE:
            return Spike(spec)
        case Kind.CAPACITY:
            return Capacity(spec)
    return Arrivals(spec) if spec.open else Steady(spec)
