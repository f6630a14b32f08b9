# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Which commands an outlet lets through: none that is stale, broken or a jump.

Commands pass between a soft start and the first sign of trouble. The first one has to be where
the arm is, so that nothing computed before an interruption can act after it.
"""

from __future__ import annotations

import math

from roboecc_core.arm import piper
from roboecc_core.arm.arm_controller import JointCommand

FIRST_STEP_RAD = 0.05  # first command after a soft start, from the measured joints
LARGEST_STEP_RAD = 0.35  # 0.1 s at the motors' highest speed, and a margin
LARGEST_LEAD_RAD = 0.5  # commanded before measured: the arm does not follow
_OUTSIDE_RAD = 1e-6  # arithmetic, not a breach


class CommandGuard:
    """Remembers whether commands may pass and what passed last. Not thread-safe.

    Attributes:
        is_armed: commands may pass.
        may_rearm: only the link failed since they might: no person is needed to go on.
        soft_starts, num_sent, num_refused: counts.
    """

    def __init__(self) -> None:
        self.is_armed = self.may_rearm = False
        self.soft_starts = self.num_sent = self.num_refused = 0
        self._last_sent: tuple[float, ...] | None = None

    def start_softly(self) -> None:
        """Let commands pass from now on."""
        self.is_armed = self.may_rearm = True
        self.soft_starts += 1
        self._last_sent = None

    def interrupt(self, *, is_link: bool) -> None:
        """Let nothing pass; only after a failure of the link alone may that end by itself."""
        self.is_armed = False
        self.may_rearm = self.may_rearm and is_link

    def passed(self, command: JointCommand) -> None:
        """Note a command that went out."""
        self._last_sent = command.joints
        self.num_sent += 1

    def objection(self, command: JointCommand, measured: tuple[float, ...]) -> str:
        """Return why a command must not pass, "" when it may.

        Args:
            command: what was asked.
            measured: the arm's six joints, rad.
        """
        if not self.is_armed:
            return "interrupted; waits for a soft start"
        return _malformed(command) or self._jump(command.joints, measured)

    def _jump(self, joints: tuple[float, ...], measured: tuple[float, ...]) -> str:
        lead_rad = _furthest(joints, measured)
        if self._last_sent is None:
            return "" if lead_rad <= FIRST_STEP_RAD else "first command is not where the arm is"
        if lead_rad > LARGEST_LEAD_RAD:
            self.is_armed = False
            return "the arm does not follow"
        step_rad = _furthest(joints, self._last_sent)
        return "" if step_rad <= LARGEST_STEP_RAD else "command jumps"


def _malformed(command: JointCommand) -> str:
    numbers = (*command.joints, command.gripper_m)
    if len(numbers) != len(piper.STATE_NAMES) or not all(map(math.isfinite, numbers)):
        return "command is not seven finite numbers"
    limits = zip(command.joints, piper.JOINT_LOWER_RAD, piper.JOINT_UPPER_RAD, strict=True)
    if any(not low - _OUTSIDE_RAD <= angle <= high + _OUTSIDE_RAD for angle, low, high in limits):
        return "command outside the joint limits"
    is_opening = 0.0 <= command.gripper_m <= piper.GRIPPER_STROKE_M
    return "" if is_opening else "command outside the gripper's stroke"


def _furthest(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
