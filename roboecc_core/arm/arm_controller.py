# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""One control tick of the arm: the action in force becomes a joint command.

Pure apart from its own memory of what it last commanded: time is passed in, the driver is
somebody else's. Which action is in force, and whether it is still valid, was decided before
(the action gate); no action means hold. Each action moves the tool from where it was last
commanded to be, so a slow policy never makes the arm jump back to where the image was taken.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from roboecc_core.arm import piper, safety
from roboecc_core.arm.joint_segment import CHAINING_S, JointSegment
from roboecc_core.arm.kinematics import PiperKinematics, Pose
from roboecc_core.arm.piper import Vector
from roboecc_core.arm.safety import Limits, Motion
from roboecc_core.types import ACTION_DIM

Mode = Literal["action", "hold", "ready"]

_LONGEST_TICK_S = 0.1  # a tick that comes later still moves the arm no further than this
_ON_TRACK_RAD = 1e-6  # commanded this near to wanted: nothing was held back
_READY_RATE_PER_S = 4.0  # the ready motion slows down over its last quarter of a second
_READY_WITHIN_RAD = 2e-3


@dataclasses.dataclass(frozen=True, slots=True)
class ActionInForce:
    """One action of a chunk, on the controller's clock.

    Attributes:
        step: the step whose chunk it belongs to; with `index` it names the action.
        index: its place in the chunk.
        action: translation m, rotation vector rad, gripper 0..1, in the base frame.
        action_period_s: how long it lasts.
        started_s: when it came into force.
    """

    step: int
    index: int
    action: tuple[float, ...]
    action_period_s: float
    started_s: float

    @property
    def key(self) -> tuple[int, int]:
        """What tells two actions apart."""
        return (self.step, self.index)


@dataclasses.dataclass(frozen=True, slots=True)
class JointCommand:
    """What to send to the driver.

    Attributes:
        joints: six angles in rad, always finite and within the joint limits.
        gripper_m: full opening, 0 to 0.07 m.
        clipped_by: why this is not what was asked for, "" when it is.
        mode: what the arm is doing.
    """

    joints: tuple[float, ...]
    gripper_m: float
    clipped_by: str
    mode: Mode


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Intent:
    """Where this tick would like the arm to be."""

    joints: Vector
    gripper_m: float
    mode: Mode
    reason: str


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Commanded:
    """What was commanded last, and when."""

    now_s: float
    motion: Motion
    gripper_m: float

    def time_until(self, now_s: float) -> float:
        """Return the time, s, that the next command may use up."""
        return min(max(now_s - self.now_s, 0.0), _LONGEST_TICK_S)


class ArmController:
    """Turns actions into joint commands that respect every limit.

    One owner thread: the one that runs the control loop.
    """

    def __init__(self, kinematics: PiperKinematics, limits: Limits | None = None) -> None:
        self._kinematics = kinematics
        self._limits = limits or Limits()
        self._last: _Commanded | None = None
        self._segment: JointSegment | None = None
        self._is_on_track = False
        self._is_moving_ready = False

    @property
    def is_moving_ready(self) -> bool:
        """True from `move_ready` until the ready pose is reached; actions wait meanwhile."""
        return self._is_moving_ready

    def move_ready(self) -> None:
        """Drive to the ready pose within the limits, from the next tick on.

        The rest pose is singular and the policy was trained from the ready pose, so this
        comes before the first action. `restart` ends it early.
        """
        self._is_moving_ready = True
        self._segment = None

    def restart(self) -> None:
        """Forget everything: the next tick starts softly from the measured joints.

        For a new activation, and after anybody else has moved the arm.
        """
        self._last = None
        self._segment = None
        self._is_on_track = False
        self._is_moving_ready = False

    def tick(
        self,
        now_s: float,
        measured_joints: Sequence[float] | None,
        command: ActionInForce | None,
    ) -> JointCommand | None:
        """Return the command for this tick.

        Args:
            now_s: on the clock of `command.started_s`; going back is harmless.
            measured_joints: `(7,)` in the order of `piper.STATE_NAMES` (rad, gripper m), read
                only for the soft start; None while no joint state has come.
            command: the action in force, None to hold.

        Returns:
            None until a finite measurement says where the arm is: an arm whose joints are
            unknown is not commanded, because any guess could be a jump.
        """
        last = self._last or _soft_start(now_s, measured_joints)
        if last is None:
            return None
        if not math.isfinite(now_s):
            return _sent(last, _holding(last, safety.NOT_FINITE), "")
        if self._is_moving_ready:
            intent = self._readying(now_s, last)
        else:
            intent = self._following(now_s, last, command)
        return self._limited(now_s, last, intent)

    def _limited(self, now_s: float, last: _Commanded, intent: _Intent) -> JointCommand:
        """Cut the intent to what is allowed since the last tick, and remember it."""
        dt_s = last.time_until(now_s)
        result = safety.limited(
            intent.joints, last.motion, dt_s=dt_s, limits=self._limits, breach_m=self._breach_m
        )
        furthest_m = self._limits.max_gripper_speed_m_per_s * dt_s
        closest_m, widest_m = last.gripper_m - furthest_m, last.gripper_m + furthest_m
        gripper_m = min(max(intent.gripper_m, closest_m), widest_m)
        self._last = _Commanded(now_s, last.motion.moved_to(result.joints, dt_s), gripper_m)
        off_track_rad = float(np.abs(result.joints - intent.joints).max())
        self._is_on_track = intent.mode == "action" and off_track_rad < _ON_TRACK_RAD
        return _sent(self._last, intent, result.reason)

    def _readying(self, now_s: float, last: _Commanded) -> _Intent:
        way = np.array(piper.READY_JOINTS_RAD) - last.motion.joints
        distance_rad = float(np.abs(way).max())
        if distance_rad < _READY_WITHIN_RAD:
            self._is_moving_ready = False
        dt_s = last.time_until(now_s)
        furthest_rad = self._limits.max_speed_rad_per_s * dt_s
        share = min(_READY_RATE_PER_S * dt_s, furthest_rad / max(distance_rad, furthest_rad, 1e-9))
        return _Intent(last.motion.joints + share * way, last.gripper_m, "ready", "")

    def _following(self, now_s: float, last: _Commanded, command: ActionInForce | None) -> _Intent:
        if command is None:
            return _holding(last, "")
        segment = self._segment
        if segment is None or segment.key != command.key:
            refusal = _refusal(command, now_s)
            if refusal:
                return _holding(last, refusal)
            segment = self._segment = self._planned(now_s, last, command)
        return _Intent(segment.joints_at(now_s), segment.gripper_m, "action", segment.reason)

    def _planned(self, now_s: float, last: _Commanded, command: ActionInForce) -> JointSegment:
        origin, begin_s = self._origin(now_s, last, command)
        end_s = command.started_s + command.action_period_s
        change, cut = safety.clamped_action(command.action, self._limits)
        wanted = self._kinematics.forward(origin).moved_by(change)
        tip, outside = safety.clamped_tip(wanted.translation, self._limits)
        solution = self._kinematics.solve(Pose(tip, wanted.rotation), origin)
        way = solution.joints - origin
        furthest_rad = self._limits.max_speed_rad_per_s * (end_s - begin_s)
        share = min(1.0, furthest_rad / max(float(np.abs(way).max()), 1e-9))
        reasons = (cut, outside, safety.JOINT_SPEED if share < 1.0 else "")
        return JointSegment(
            key=command.key,
            begin_s=begin_s,
            end_s=end_s,
            origin=origin,
            goal=origin + share * way,
            begin_speeds=last.motion.speeds,
            gripper_m=float(change[6]) * piper.GRIPPER_STROKE_M,
            reason=", ".join(text for text in reasons if text),
        )

    def _origin(
        self, now_s: float, last: _Commanded, command: ActionInForce
    ) -> tuple[Vector, float]:
        """Return the joints and the time at which an action's motion begins.

        An action that follows straight on another begins where that one ends, although the
        last tick of that one lay a little before its end; else a part of every action would
        be lost. Anything that held the arm back makes it begin at what was commanded.
        """
        previous = self._segment if self._is_on_track else None
        if previous is not None and previous.is_followed_by(command.started_s, last.now_s):
            return previous.goal, min(previous.end_s, now_s)
        return last.motion.joints, min(max(command.started_s, last.now_s), now_s)

    def _breach_m(self, joints: Vector) -> float:
        return self._limits.breach_m(*self._kinematics.tip_and_wrist(joints))


def _soft_start(now_s: float, measured: Sequence[float] | None) -> _Commanded | None:
    """Return the measured state as the last command, or None when it cannot be used."""
    if measured is None or len(measured) != len(piper.STATE_NAMES):
        return None
    if not (math.isfinite(now_s) and all(map(math.isfinite, measured))):
        return None
    joints = np.clip(measured[:6], piper.JOINT_LOWER_RAD, piper.JOINT_UPPER_RAD)
    gripper_m = min(max(measured[6], 0.0), piper.GRIPPER_STROKE_M)
    return _Commanded(now_s, Motion.at_rest(joints), gripper_m)


def _holding(last: _Commanded, reason: str) -> _Intent:
    return _Intent(last.motion.joints, last.gripper_m, "hold", reason)


def _sent(commanded: _Commanded, intent: _Intent, reason: str) -> JointCommand:
    reasons = dict.fromkeys(text for text in (intent.reason, reason) if text)
    joints = tuple(map(float, commanded.motion.joints))
    return JointCommand(joints, float(commanded.gripper_m), ", ".join(reasons), intent.mode)


def _refusal(command: ActionInForce, now_s: float) -> str:
    """Return why an action cannot be executed, "" when it can."""
    numbers = (*command.action, command.action_period_s, command.started_s)
    if len(command.action) != ACTION_DIM:
        return "action shape"
    if not all(map(math.isfinite, numbers)):
        return safety.NOT_FINITE
    if now_s >= command.started_s + command.action_period_s:
        return "action is over"
    if command.started_s > now_s + CHAINING_S:
        return "action has not begun"
    return ""
