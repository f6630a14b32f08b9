# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of `roboecc bench overhead`, with a clock that a test moves."""

from __future__ import annotations

import pytest

from roboecc_core.reports.overhead import Round, interval95, measure


class Bench:
    """Three activities of known durations on one clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.order: list[str] = []

    def take(self, name: str, seconds: float):
        def run() -> None:
            self.order.append(name)
            self.now_s += seconds

        return run


def test_measure_times_each_after_one_round_to_warm_up_in_rotating_order():
    bench = Bench()
    rounds = measure(
        bench.take("u", 0.2),
        bench.take("s", 0.25),
        bench.take("w", 0.04),
        runs=3,
        clock=lambda: bench.now_s,
    )
    assert len(rounds) == 3
    for found in rounds:
        assert found.overhead_percent == pytest.approx(5.0)
    taken = ["".join(bench.order[i : i + 3]) for i in range(0, 12, 3)]
    assert taken[1:] == ["usw", "swu", "wus"]


def test_overhead_is_negative_when_the_split_step_is_faster():
    assert Round(1.0, 0.9, 0.0).overhead_percent == pytest.approx(-10.0)


def test_interval95_holds_the_median_and_narrows_with_equal_values():
    low, high = interval95([1.0, 2.0, 3.0, 4.0, 100.0])
    assert low <= 3.0 <= high
    assert interval95([2.0] * 9) == (2.0, 2.0)
