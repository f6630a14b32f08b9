# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The limits that no command to the arm may leave, and the pure functions that keep them.

Last line before the driver: whatever a policy, a planner or a clock does wrong, what comes
out of `limited` is finite, inside the joint limits, no faster than allowed and no deeper
outside the workspace than the arm already was. Nothing here keeps state.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from roboecc_core.arm import piper
from roboecc_core.arm.piper import Vector
from roboecc_core.errors import ConfigError

NOT_FINITE = "not finite"
ACTION_SIZE = "action size"
JOINT_POSITION = "joint position"
JOINT_SPEED = "joint speed"
JOINT_ACCELERATION = "joint acceleration"
JOINT_JERK = "joint jerk"
WORKSPACE = "workspace"

_ROUNDING = 1e-9  # rad or m; differences below it are arithmetic, not a breach
_BISECTIONS = 8  # finds the last allowed part of a step to 1/256 of it
_PLANNING_MARGIN_M = 0.002  # straight joint motion sags this much between two tool poses


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What the arm may do at most; every bound is positive and finite.

    Positions are in the base frame, whose origin stands on the table; the workspace is a
    ring around the base's axis between two radii, from the table up to `tip_max_z_m`.

    Attributes:
        max_speed_rad_per_s: of every joint; the motors accept up to 3.0.
        max_acceleration_rad_per_s2: of every joint when it speeds up; braking is never
            delayed.
        max_jerk_rad_per_s3: how fast that acceleration may grow, of every joint; full
            acceleration after 20 ms, which a 200 Hz loop spreads over four ticks.
        max_gripper_speed_m_per_s: change of the opening.
        max_translation_m: of one action.
        max_rotation_rad: of one action.
        tip_min_z_m: how near the tool tip comes to the table.
        wrist_min_z_m: the same for the wrist, whose housing has a radius of 31 mm.
    """

    max_speed_rad_per_s: float = 1.0
    max_acceleration_rad_per_s2: float = 10.0
    max_jerk_rad_per_s3: float = 500.0
    max_gripper_speed_m_per_s: float = 0.2
    max_translation_m: float = 0.1
    max_rotation_rad: float = 0.5
    tip_min_z_m: float = 0.005
    tip_max_z_m: float = 0.65
    tip_min_radius_m: float = 0.1
    tip_max_radius_m: float = 0.6
    wrist_min_z_m: float = 0.04

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"arm limit {field.name} is {value}; expected a number above 0")
        if self.max_speed_rad_per_s > piper.MAX_JOINT_SPEED_RAD_PER_S:
            raise ConfigError(
                f"arm limit max_speed_rad_per_s is {self.max_speed_rad_per_s}; the motors "
                f"accept at most {piper.MAX_JOINT_SPEED_RAD_PER_S}"
            )
        for name in ("z", "radius"):
            low, high = getattr(self, f"tip_min_{name}_m"), getattr(self, f"tip_max_{name}_m")
            if low + 2 * _PLANNING_MARGIN_M >= high:
                raise ConfigError(
                    f"arm limit tip_min_{name}_m is {low}; expected less than "
                    f"tip_max_{name}_m, {high}"
                )

    def breach_m(self, tip: Vector, wrist: Vector) -> float:
        """Return how far the tool tip or the wrist is outside the workspace, 0 inside."""
        radius_m = math.hypot(tip[0], tip[1])
        return max(
            0.0,
            self.tip_min_z_m - float(tip[2]),
            float(tip[2]) - self.tip_max_z_m,
            self.tip_min_radius_m - radius_m,
            radius_m - self.tip_max_radius_m,
            self.wrist_min_z_m - float(wrist[2]),
        )


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What was commanded last, each `(6,)`: joints rad, speeds rad/s, accelerations rad/s2."""

    joints: Vector
    speeds: Vector
    accelerations: Vector = dataclasses.field(default_factory=lambda: np.zeros(piper.NUM_JOINTS))

    @classmethod
    def at_rest(cls, joints: Vector) -> Motion:
        """Return joints that do not move."""
        return cls(joints, np.zeros(piper.NUM_JOINTS))

    def moved_to(self, joints: Vector, dt_s: float) -> Motion:
        """Return the motion after a command `dt_s` later; no time means no motion."""
        if dt_s <= 0:
            return Motion.at_rest(joints)
        speeds = (joints - self.joints) / dt_s
        return Motion(joints, speeds, (speeds - self.speeds) / dt_s)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Limited:
    """A command inside the limits, and why it differs from what was wanted ("" if not)."""

    joints: Vector
    reason: str


def limited(
    wanted: Vector,
    last: Motion,
    *,
    dt_s: float,
    limits: Limits,
    breach_m: Callable[[Vector], float],
) -> Limited:
    """Return the joints nearest to `wanted`, along the straight joint line, that are allowed.

    Args:
        wanted: `(6,)` rad, anything at all.
        last: the command before, inside the joint limits.
        dt_s: time since then, >= 0.
        limits: what is allowed.
        breach_m: how far given joints are outside the workspace, m.
    """
    if not np.isfinite(wanted).all():
        return Limited(last.joints, NOT_FINITE)
    inside = np.clip(wanted, piper.JOINT_LOWER_RAD, piper.JOINT_UPPER_RAD)
    reason = JOINT_POSITION if np.abs(inside - wanted).max() > _ROUNDING else ""
    change = inside - last.joints
    share, cause = _share_in_time(change, last, dt_s, limits)
    allowed = _share_in_workspace(last.joints, share * change, breach_m)
    if allowed < 1.0:
        cause = WORKSPACE
    step = allowed * share * change
    if allowed * share == 1.0:
        return Limited(inside, reason)
    return Limited(last.joints + step, cause or reason)


def _share_in_time(change: Vector, last: Motion, dt_s: float, limits: Limits) -> tuple[float, str]:
    """Return which part of `change` fits into `dt_s`, and what bounds it."""
    distance = np.abs(change)
    if distance.max() <= _ROUNDING:
        return 1.0, ""
    way = np.sign(change)
    speeds, gains = np.maximum(way * last.speeds, 0.0), np.maximum(way * last.accelerations, 0.0)
    most = limits.max_acceleration_rad_per_s2
    grown = gains + limits.max_jerk_rad_per_s3 * dt_s
    shares = {
        JOINT_SPEED: _share(limits.max_speed_rad_per_s * dt_s, distance),
        JOINT_ACCELERATION: _share((speeds + most * dt_s) * dt_s, distance),
        JOINT_JERK: _share((speeds + grown * dt_s) * dt_s, distance),
    }
    cause = min(shares, key=shares.__getitem__)
    return (1.0, "") if shares[cause] == 1.0 else (shares[cause], cause)


def _share(allowed: Vector | float, distance: Vector) -> float:
    shares = (allowed + np.where(distance > 0, 0.0, 1.0)) / np.maximum(distance, 1e-300)
    share = float(np.min(shares))
    return 1.0 if share > 1.0 - _ROUNDING else share


def _share_in_workspace(
    joints: Vector, change: Vector, breach_m: Callable[[Vector], float]
) -> float:
    """Return which part of `change` leads no deeper outside the workspace."""
    tolerated_m = breach_m(joints) + _ROUNDING
    if breach_m(joints + change) <= tolerated_m:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        is_allowed = breach_m(joints + middle * change) <= tolerated_m
        low, high = (middle, high) if is_allowed else (low, middle)
    return low


def clamped_action(action: Sequence[float], limits: Limits) -> tuple[Vector, str]:
    """Return a finite action `(7,)` cut to the largest allowed change, and why if it was."""
    change = np.array(action, dtype=np.float64)
    change[:3] = _shortened(change[:3], limits.max_translation_m)
    change[3:6] = _shortened(change[3:6], limits.max_rotation_rad)
    change[6] = min(1.0, max(0.0, change[6]))
    is_cut = np.abs(change - np.asarray(action)).max() > _ROUNDING
    return change, ACTION_SIZE if is_cut else ""


def _shortened(vector: Vector, longest: float) -> Vector:
    largest = float(np.abs(vector).max())
    if largest == 0.0:
        return vector
    direction = vector / largest  # first, so that 1e300 squared does not overflow
    length = float(np.linalg.norm(direction))
    return vector if largest <= longest / length else direction * (longest / length)


def clamped_tip(position: Vector, limits: Limits) -> tuple[Vector, str]:
    """Return the nearest tip position `(3,)` m inside the workspace, and why if it moved."""
    margin = _PLANNING_MARGIN_M
    radius = math.hypot(position[0], position[1])
    smallest, largest = limits.tip_min_radius_m + margin, limits.tip_max_radius_m - margin
    scale = min(max(radius, smallest), largest) / radius if radius > _ROUNDING else 1.0
    z = min(max(float(position[2]), limits.tip_min_z_m + margin), limits.tip_max_z_m - margin)
    inside = np.array([position[0] * scale, position[1] * scale, z])
    return inside, WORKSPACE if np.abs(inside - position).max() > _ROUNDING else ""
