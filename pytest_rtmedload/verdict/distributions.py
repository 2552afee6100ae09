"""Beta and Student-t distributions, so that verdicts need neither numpy nor scipy.

A confidence bound is only as good as the function behind it: relative errors stay below 1e-9 for parameters up to
1e8, where the textbook form (a difference of three `lgamma`) keeps only seven digits. All large terms are therefore
taken relative to the mode and the rest comes from Stirling's series.

Sources: Press et al., Numerical Recipes (3rd ed., 2007), 6.4 (continued fraction, quadrature of the peak for large
parameters); DiDonato and Morris, ACM TOMS 18 (1992), algorithm 708 (power terms relative to the mode); Abramowitz and
Stegun, 26.2.23, 26.5.22 (first guesses) and 26.7 (Student's t as a beta variable).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

_TINY: Final = 1e-300
_PRECISION: Final = 1e-15
_LAST_STEP: Final = 1e-11
"""Newton's error is squared by a step: after one of this relative size only rounding is left."""
_QUADRATURE_FROM: Final = 500.0
"""Both parameters above this: the continued fraction would need some √(a + b) terms, the quadrature always 64."""
_TAIL_STEPS: Final = (0.0, 1.5, 4.0, 8.0, 14.0)
"""Panels of the quadrature beyond x, in standard deviations, or in thirds of the decay of a far tail: what lies beyond
the last is below 1e-17 of the rest."""
_LEGENDRE: Final = (
    (0.0950125098376374402, 0.1894506104550684963),
    (0.2816035507792589132, 0.1826034150449235889),
    (0.4580167776572273863, 0.1691565193950025382),
    (0.6178762444026437484, 0.1495959888165767321),
    (0.7554044083550030339, 0.1246289712555338721),
    (0.8656312023878317439, 0.0951585116824927848),
    (0.9445750230732325761, 0.0622535239386478929),
    (0.9894009349916499326, 0.0271524594117540949),
)
"""Positive nodes and weights of the 16-point Gauss-Legendre rule."""
_STIRLING: Final = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_STIRLING_FROM: Final = 12.0
_HALF_LOG_2PI: Final = 0.5 * math.log(2 * math.pi)


def beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b): the probability that a Beta(a, b) variable is at most x.

    Args:
        x: any number; outside 0 … 1 the result is 0 or 1.
        a: first parameter, above 0, not necessarily whole.
        b: second parameter, above 0.
    """
    if x <= 0:
        return 0.0
    return _tails(x, a, b)[0] if x < 1 else 1.0


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = p, for p in 0 … 1: safeguarded Newton steps from a normal approximation."""
    if p <= 0 or p >= 1:
        return 0.0 if p <= 0 else 1.0
    low, high = 0.0, 1.0
    x = _guess(p, a, b)
    for _ in range(200):
        lower, upper = _tails(x, a, b)
        excess = lower - p if p <= 0.5 else (1 - p) - upper
        low, high = (low, x) if excess > 0 else (x, high)
        slope = math.exp(_log_power(x, a, b)) / (x * (1 - x))
        step = excess / slope if slope > _TINY else math.inf
        if abs(step) <= _LAST_STEP * x:
            return x - step
        x -= step
        if not low < x < high:
            x = (low + high) / 2 if low > 0 else high / 16  # quantiles of small parameters may be near 1e-10
    return x


def student_t_quantile(p: float, degrees: float) -> float:
    """Quantile of Student's t for p in (0.5, 1); `degrees` of freedom above 0."""
    y = beta_quantile(2 * p - 1, 0.5, degrees / 2)  # T²/(ν + T²) is Beta(1/2, ν/2)
    return math.sqrt(degrees * y / (1 - y))


def _tails(x: float, a: float, b: float) -> tuple[float, float]:
    """Probabilities below and above x; the one that is computed keeps its relative accuracy, however small."""
    if a > _QUADRATURE_FROM and b > _QUADRATURE_FROM:
        if x <= a / (a + b):
            lower = _tail_by_quadrature(1 - x, b, a)
            return lower, 1 - lower
        upper = _tail_by_quadrature(x, a, b)
        return 1 - upper, upper
    power = math.exp(_log_power(x, a, b))
    if x < (a + 1) / (a + b + 2):
        lower = min(1.0, power * _continued_fraction(x, a, b) / a)
        return lower, 1 - lower
    upper = min(1.0, power * _continued_fraction(1 - x, b, a) / b)
    return 1 - upper, upper


def _log_power(x: float, a: float, b: float) -> float:
    """Logarithm of x^a (1 − x)^b / B(a, b), without the cancellation of large terms."""
    if x > 0.5:
        x, a, b = 1 - x, b, a  # this difference is exact, and the small side keeps its digits
    mode, rest = a / (a + b), b / (a + b)
    off = x - mode
    return a * _log_ratio(x, mode, off) + b * _log_ratio(1 - x, rest, -off) + _log_peak(a, b)


def _log_peak(a: float, b: float) -> float:
    """Logarithm of x^a (1 − x)^b / B(a, b) at its largest, x = a/(a + b)."""
    return 0.5 * math.log(a * b / (a + b)) - _HALF_LOG_2PI + _stirling(a + b) - _stirling(a) - _stirling(b)


def _log_ratio(value: float, base: float, difference: float) -> float:
    return math.log1p(difference / base) if abs(difference) < base / 2 else math.log(value / base)


def _stirling(z: float) -> float:
    """What Stirling's formula lacks: log Γ(z) − (z − ½) log z + z − ½ log 2π."""
    if z < _STIRLING_FROM:
        return math.lgamma(z) - (z - 0.5) * math.log(z) + z - _HALF_LOG_2PI
    square = z * z
    total = 0.0
    for term in reversed(_STIRLING):
        total = total / square + term
    return total / z


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Lentz's evaluation; converges fast for x below (a + 1)/(a + b + 2)."""
    c = 1.0
    d = 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        twice = a + 2 * m
        for term in (
            m * (b - m) * x / ((twice - 1) * twice),
            -(a + m) * (a + b + m) * x / (twice * (twice + 1)),
        ):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _tail_by_quadrature(x: float, a: float, b: float) -> float:
    """Probability above x for large a and b and x at or above the mean, by Gauss-Legendre panels."""
    mode, rest = a / (a + b), b / (a + b)
    slope = (b - 1) / (1 - x) - (a - 1) / x
    unit = min(math.sqrt(mode * rest / (a + b + 1)), 3 / slope if slope > 0 else math.inf)
    total = 0.0
    for begin, end in pairwise(_TAIL_STEPS):
        left, right = x + begin * unit, min(x + end * unit, 1.0)
        middle, half = (left + right) / 2, (right - left) / 2
        if half <= 0:
            break
        for node, weight in _LEGENDRE:
            for t in (middle - half * node, middle + half * node):
                off = t - mode
                shape = a * _log_ratio(t, mode, off) + b * _log_ratio(1 - t, rest, -off)
                total += half * weight * math.exp(shape) / (t * (1 - t))
    return total * math.exp(_log_peak(a, b))


def _guess(p: float, a: float, b: float) -> float:
    """A first approximation of the quantile."""
    t = math.sqrt(-2 * math.log(min(p, 1 - p)))
    z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
    z = z if p > 0.5 else -z
    if a < 1 or b < 1:
        return min(max(a / (a + b), 1e-12), 1 - 1e-12)
    u, v = 1 / (2 * a - 1), 1 / (2 * b - 1)
    h, lam = 2 / (u + v), (z * z - 3) / 6
    w = z * math.sqrt(max(h + lam, 0)) / h - (v - u) * (lam + 5 / 6 - 2 / (3 * h))
    x = a / (a + b * math.exp(-2 * w)) if abs(w) < 300 else 0.5  # w is half the log odds; its sign follows z
    return min(max(x, 1e-12), 1 - 1e-12)
