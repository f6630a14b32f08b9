# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""How the fake arm's joints move: towards their targets, braking, or sinking without power.

Kinematic, not dynamic: enough for a driver to be tested against, no claim about forces. The
rates of sinking are assumptions, chosen visible and slow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from roboecc_core.arm import piper
from roboecc_core.arm.piper import Vector

ACCELERATION_RAD_PER_S2 = 20.0  # twice what the controller asks for at most
_GRIPPER_SPEED_M_PER_S = 0.3
_ARRIVED_RAD = 1e-4  # six units of the targets' resolution
_FALLING_RAD_PER_S = 0.4  # without power, towards the rest pose
_STOPPED_SINKING_RAD_PER_S = 0.02  # after an emergency stop the drives only dampen
_SINKING_JOINTS = np.array([False, True, True, False, True, False])  # gravity turns these


class ArmMotion:
    """Positions, speeds and targets of six joints and the gripper. One owner thread.

    Attributes:
        joints: `(6,)` rad.
        speeds: `(6,)` rad/s.
        targets: `(6,)` rad, inside the joint limits.
        is_enabled: `(6,)` bool, which drives have power on their motors.
        speed_share: of the highest motor speed, from 0x151.
        is_stopped: an emergency stop is in force.
        gripper_m, gripper_target_m: opening.
        is_gripper_enabled: whether the gripper follows its target.
        is_propped: something holds the arm up until it was enabled for the first time.
    """

    def __init__(self, joints: Sequence[float], gripper_m: float) -> None:
        self.joints: Vector = np.array(joints, dtype=np.float64)
        self.speeds: Vector = np.zeros(piper.NUM_JOINTS)
        self.targets: Vector = self.joints.copy()
        self.is_enabled = np.zeros(piper.NUM_JOINTS, dtype=bool)
        self.speed_share = 0.0
        self.is_stopped = False
        self.gripper_m = self.gripper_target_m = gripper_m
        self.is_gripper_enabled = False
        self.is_propped = True
        self._lower = np.array(piper.JOINT_LOWER_RAD)
        self._upper = np.array(piper.JOINT_UPPER_RAD)

    @property
    def has_arrived(self) -> bool:
        """True when every joint is at its target."""
        return bool(np.abs(self.targets - self.joints).max() < _ARRIVED_RAD)

    def hold(self) -> None:
        """Make the present position the target."""
        self.targets = self.joints.copy()
        self.gripper_target_m = self.gripper_m

    def aim(self, first: int, targets: Sequence[float]) -> bool:
        """Set two joints' targets; return False when one had to be cut to its limits."""
        pair = slice(first, first + len(targets))
        inside = np.clip(targets, self._lower[pair], self._upper[pair])
        self.targets[pair] = inside
        return bool(np.abs(inside - targets).max() < _ARRIVED_RAD)

    def step(self, dt_s: float) -> None:
        """Let time pass."""
        driven = self._driven_speeds(dt_s)
        if self.is_stopped:
            driven = self._sinking_speeds(_STOPPED_SINKING_RAD_PER_S, dt_s)
        self.is_propped = self.is_propped and not self.is_enabled.any()
        rate = 0.0 if self.is_propped else _FALLING_RAD_PER_S
        falling = self._sinking_speeds(rate, dt_s)
        wanted = np.where(self.is_enabled, driven, falling)
        most = ACCELERATION_RAD_PER_S2 * dt_s
        self.speeds = self.speeds + np.clip(wanted - self.speeds, -most, most)
        moved = self.joints + self.speeds * dt_s
        self.joints = np.clip(moved, self._lower, self._upper)
        self.speeds = np.where(self.joints == moved, self.speeds, 0.0)
        if self.is_gripper_enabled and not self.is_stopped:
            furthest_m = _GRIPPER_SPEED_M_PER_S * dt_s
            way_m = self.gripper_target_m - self.gripper_m
            self.gripper_m += min(max(way_m, -furthest_m), furthest_m)

    def _driven_speeds(self, dt_s: float) -> Vector:
        """Return the speeds towards the targets from which the joints can still brake."""
        way = self.targets - self.joints
        braking = np.sqrt(2 * ACCELERATION_RAD_PER_S2 * np.abs(way))
        fastest = np.minimum(piper.MAX_JOINT_SPEED_RAD_PER_S * self.speed_share, 0.8 * braking)
        speeds: Vector = np.clip(way / dt_s, -fastest, fastest)
        return speeds

    def _sinking_speeds(self, rate_rad_per_s: float, dt_s: float) -> Vector:
        way = np.where(_SINKING_JOINTS, np.array(piper.REST_JOINTS_RAD) - self.joints, 0.0)
        speeds: Vector = np.clip(way / dt_s, -rate_rad_per_s, rate_rad_per_s)
        return speeds
