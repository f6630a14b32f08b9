# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What the bandwidth will be: one protocol, and the forecaster that is hard to beat.

Values are bytes/s at the ticks of the caller's grid; horizons are counted in ticks.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Sequence
from typing import Protocol

SMALLEST_BYTES_PER_S = 1.0  # an outage, kept positive so that relative errors exist
WINDOW_TICKS = 256  # 5 to 25 s at the 20-100 ms grid of Eq. 3
MIN_ERRORS = 8  # below this the empirical quantiles say nothing


@dataclasses.dataclass(frozen=True, slots=True)
class Forecast:
    """Expected value and 5 %, 50 %, 95 % quantiles, bytes/s; `q05 <= q50 <= q95`."""

    mean: float
    q05: float
    q50: float
    q95: float


class Forecaster(Protocol):
    """Learns from one value a tick; owned by one thread."""

    def update(self, value: float) -> None:
        """Take the newest value, bytes/s; NaN, infinite and negative ones are ignored."""

    def predict(self, horizon: int) -> Forecast | None:
        """Return the forecast `horizon` >= 1 ticks ahead; None before any value."""


class LastValue:
    """Says that all stays as it is, and from its own past errors how sure that is.

    The quantiles are those of value/(value `horizon` ticks before) over the window, times the
    last value. With fewer than `MIN_ERRORS` such ratios all of them are the last value.
    """

    def __init__(self, window_ticks: int = WINDOW_TICKS) -> None:
        self._values: collections.deque[float] = collections.deque(maxlen=window_ticks)

    def update(self, value: float) -> None:
        """Take the newest value; see `Forecaster.update`."""
        if math.isfinite(value) and value >= 0.0:
            self._values.append(max(value, SMALLEST_BYTES_PER_S))

    def predict(self, horizon: int) -> Forecast | None:
        """Return the last value with its band; see `Forecaster.predict`.

        A horizon beyond half the window gets the band of half the window.
        """
        if not self._values:
            return None
        values = list(self._values)
        last = values[-1]
        lag = min(max(horizon, 1), max(len(values) // 2, 1))
        ratios = sorted(new / old for old, new in zip(values, values[lag:], strict=False))
        if len(ratios) < MIN_ERRORS:
            return Forecast(last, last, last, last)
        q05, q50, q95 = (last * _quantile(ratios, fraction) for fraction in (0.05, 0.5, 0.95))
        return Forecast(last, q05, q50, q95)


def _quantile(ascending: Sequence[float], fraction: float) -> float:
    """Interpolate linearly between the order statistics (Hyndman and Fan's type 7)."""
    position = fraction * (len(ascending) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ascending) - 1)
    weight = position - below
    return ascending[below] * (1.0 - weight) + ascending[above] * weight
