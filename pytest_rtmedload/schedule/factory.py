"""Which load profile drives a load test: the one its shape names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rtmedload.schedule.capacity import Capacity
from pytest_rtmedload.schedule.conductors import Arrivals, Conductor, Steady
from pytest_rtmedload.schedule.staged import Spike, Steps
from pytest_rtmedload.spec.shapes import ShapeKind

if TYPE_CHECKING:
    from pytest_rtmedload.spec.load_spec import LoadSpec


def conductor_for(spec: LoadSpec) -> Conductor:
    """The conductor of a load test's shape, at its beginning."""
    match spec.shape.kind:
        case ShapeKind.CUSTOM:
            custom: Conductor = spec.shape.conductor
            return custom
        case ShapeKind.RAMP | ShapeKind.STEPS:
            return Steps(spec)
        case ShapeKind.SPIKE:
            return Spike(spec)
        case ShapeKind.CAPACITY:
            return Capacity(spec)
    return Arrivals(spec) if spec.open else Steady(spec)
