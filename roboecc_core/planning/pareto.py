# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The points that no other point beats in every respect."""

from __future__ import annotations

import numpy as np

from roboecc_core.planning.costs import FloatArray, IntArray


def pareto_front(points: FloatArray) -> IntArray:
    """Return indices of the non-dominated rows of `points` `(count, respects)`, less is better.

    Of equal rows the first stays. The row of the least sum is never dominated; it joins the
    front, everything that it dominates falls away, and so on with what is left. So the work
    shrinks with the first few rows taken.
    """
    spread = np.ptp(points, axis=0) if len(points) else np.ones(points.shape[1])
    columns = [np.ascontiguousarray(column) for column in points.T]
    total = (points / np.where(spread > 0, spread, 1.0)).sum(axis=1)
    left = np.arange(len(points))
    front = []
    while len(left):
        chosen = int(total.argmin())
        front.append(int(left[chosen]))
        stays = columns[0] < columns[0][chosen]
        for column in columns[1:]:
            stays |= column < column[chosen]
        left, total = left[stays], total[stays]
        columns = [column[stays] for column in columns]
    return np.array(sorted(front), np.int64)
