# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The joint motion that one action was turned into; meets its neighbours without a step."""

from __future__ import annotations

import dataclasses

import numpy as np

from roboecc_core.arm.piper import Vector

CHAINING_S = 1e-3  # gap up to which an action continues the one before
_STEEPEST = 3.0  # a cubic that begins faster than this mean speed overshoots (Fritsch, Carlson)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class JointSegment:
    """A cubic from `origin` to `goal`, each `(6,)` rad.

    It takes over the speeds of the motion before, as far as they lead to the goal without
    passing it, and arrives at its own mean speed, so that neither actions nor chunks meet in a
    step of speed. At constant speed it is the straight line.

    Attributes:
        key: which action it is.
        begin_s, end_s: on the controller's clock.
        begin_speeds: `(6,)` rad/s, of the motion before.
        gripper_m: opening to move to.
        reason: why it is not the whole action, "" when it is.
    """

    key: tuple[int, int]
    begin_s: float
    end_s: float
    origin: Vector
    goal: Vector
    begin_speeds: Vector
    gripper_m: float
    reason: str

    def joints_at(self, now_s: float) -> Vector:
        """Return the joints at a time; before the begin and after the end it stands still."""
        duration_s, way = self.end_s - self.begin_s, self.goal - self.origin
        share = min(1.0, max(0.0, (now_s - self.begin_s) / duration_s))
        if share == 1.0:
            return self.goal
        bounds = np.minimum(_STEEPEST * way, 0.0), np.maximum(_STEEPEST * way, 0.0)
        taken_over = np.clip(self.begin_speeds * duration_s, *bounds)
        later, sooner = share**2 * (2 - share), share * (1 - share) ** 2
        joints: Vector = self.origin + later * way + sooner * taken_over
        return joints

    def is_followed_by(self, started_s: float, last_tick_s: float) -> bool:
        """Return whether an action that came into force then continues this one."""
        return abs(started_s - self.end_s) <= CHAINING_S and last_tick_s <= self.end_s
