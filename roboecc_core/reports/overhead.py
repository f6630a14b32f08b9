# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What splitting costs beside the model's own work and the wire's. Pure but for the clock."""

from __future__ import annotations

import dataclasses
import random
import statistics
import time
from collections.abc import Callable, Sequence

_RESAMPLES = 2000
_ORDERS = ((0, 1, 2), (1, 2, 0), (2, 0, 1))  # each comes first, second and third equally often


@dataclasses.dataclass(frozen=True, slots=True)
class Round:
    """One of each, measured right after another; seconds.

    Attributes:
        unsplit_s: the model's own forward in one process.
        split_s: the same step over two processes.
        wire_s: the split step's frames there and back without any work.
    """

    unsplit_s: float
    split_s: float
    wire_s: float

    @property
    def overhead_percent(self) -> float:
        """What the split step takes beyond the model's work and the wire, of the former."""
        return 100.0 * (self.split_s - self.wire_s - self.unsplit_s) / self.unsplit_s


def measure(
    unsplit: Callable[[], object],
    split: Callable[[], object],
    wire: Callable[[], object],
    *,
    runs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Round]:
    """Time the three in turn, `runs` times, in rotating order, after one run to warm up."""
    actions = (unsplit, split, wire)
    rounds = []
    for number in range(-1, runs):
        taken = [0.0, 0.0, 0.0]
        for which in _ORDERS[number % len(_ORDERS)]:
            started_s = clock()
            actions[which]()
            taken[which] = clock() - started_s
        if number >= 0:
            rounds.append(Round(*taken))
    return rounds


def interval95(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the median."""
    generator = random.Random(seed)
    medians = sorted(
        statistics.median(generator.choices(values, k=len(values))) for _ in range(_RESAMPLES)
    )
    return medians[round(0.025 * _RESAMPLES)], medians[round(0.975 * _RESAMPLES) - 1]
