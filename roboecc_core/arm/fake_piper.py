# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A PIPER without the arm: answers the documented CAN frames, moves, and fails on request.

Knows frames and time steps, no sockets and no clock. Where the public documents are silent the
fake takes the harsher reading: resume cuts the power (piper_sdk `ResetPiper`), and the first
enable after an emergency stop is ignored (piper_sdk demo `piper_ctrl_stop.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from roboecc_core.arm import can_frames, piper
from roboecc_core.arm.can_frames import MILLIDEGREES_PER_RAD, CanFrame
from roboecc_core.arm.fake_faults import Faults
from roboecc_core.arm.fake_piper_dynamics import ACCELERATION_RAD_PER_S2, ArmMotion
from roboecc_core.arm.kinematics import PiperKinematics
from roboecc_core.arm.piper_codes import ENABLED_BIT, HOMED_BIT, ArmStatus, ControlMode

FEEDBACK_HZ = 200  # joints, pose, status and motor speeds; 3,040 frames/s with what is slower
_SLOW_EVERY = 5  # motor states come at 40 Hz
_STOP, _RESUME = 1, 2  # 0x150 byte 0
_TEACH, _END_TEACHING = 1, 2  # 0x150 byte 2
_MOVE_J = 1
_ENABLE_OFF, _ENABLE_ON = 1, 2  # 0x471 byte 1
_SUPPLY_V = 24.0


class FakePiper:
    """The arm's controller and its six drives. One owner thread.

    Args:
        joints: `(6,)` rad at power-on.
        gripper_m: opening at power-on.
        firmware: eight characters such as S-V1.8-2.
    """

    def __init__(
        self,
        joints: Sequence[float] = piper.REST_JOINTS_RAD,
        *,
        gripper_m: float = 0.03,
        firmware: str = "S-V1.8-2",
    ) -> None:
        self.motion = ArmMotion(joints, gripper_m)
        self.faults = Faults()
        self._firmware = firmware
        self._kinematics = PiperKinematics()
        self._mode = ControlMode.STANDBY
        self._is_out_of_limits = False
        self._ignored_enables = 0
        self._num_cycles = 0
        self.mark()
        self._answers: dict[int, Callable[[CanFrame], list[CanFrame]]] = {
            can_frames.STOP: self._on_stop,
            can_frames.MODE: self._on_mode,
            can_frames.GRIPPER_TARGET: self._on_gripper,
            can_frames.ENABLE: self._on_enable,
            can_frames.MOTOR_QUERY: self._on_motor_query,
            can_frames.FIRMWARE: lambda _: [can_frames.firmware(self._firmware)],
            **dict.fromkeys(can_frames.JOINT_TARGETS, self._on_joint_targets),
            **dict.fromkeys(
                can_frames.ACKNOWLEDGED, lambda frame: [can_frames.acknowledge(frame.can_id)]
            ),
        }

    def mark(self) -> None:
        """Begin a new count of what `state` reports about the commands."""
        self._num_targets = self._num_ignored = 0
        self._largest_jump_rad = 0.0
        self._least_gripper_m = self.motion.gripper_m

    def state(self) -> dict[str, Any]:
        """Return the truth, in SI units, for whoever tests a driver against this arm."""
        motion = self.motion
        return {
            "joints": motion.joints.tolist(),
            "speeds": motion.speeds.tolist(),
            "gripper_m": motion.gripper_m,
            "enabled": motion.is_enabled.tolist(),
            "mode": self._reported_mode.name.lower(),
            "status": self._reported_status.name.lower(),
            "faults": list(self.faults.active),
            "since_mark": {
                "targets": self._num_targets,
                "ignored": self._num_ignored,
                "largest_jump_rad": self._largest_jump_rad,
                "least_gripper_m": self._least_gripper_m,
            },
        }

    def inject(self, fault: str) -> None:
        """Begin a fault, or end all with `none`; see `fake_faults.FAULTS`.

        Raises:
            ConfigError: there is no such fault.
        """
        self.faults.inject(fault)
        if not self.faults.is_powered:
            self._power_off()

    def receive(self, frame: CanFrame) -> list[CanFrame]:
        """Carry out one command frame and return what the arm answers at once."""
        if not self.faults.is_powered:
            return []
        answer = self._answers.get(frame.can_id)
        is_whole = len(frame.data) == 8  # noqa: PLR2004, every PIPER frame
        return answer(frame) if answer and is_whole else []

    def step(self, dt_s: float) -> None:
        """Let time pass."""
        self.motion.step(dt_s)
        self._least_gripper_m = min(self._least_gripper_m, self.motion.gripper_m)

    def feedback(self) -> list[CanFrame]:
        """Return the frames of one cycle of 1/200 s; nothing when silent or without power."""
        self._num_cycles += 1
        if self.faults.is_silent or not self.faults.is_powered:
            return []
        motion = self.motion
        flags = (motion.is_gripper_enabled << ENABLED_BIT) | 1 << HOMED_BIT
        joints = range(1, piper.NUM_JOINTS + 1)
        frames = [
            self._status_frame(),
            *self._pose_frames(),
            *can_frames.pairs(can_frames.JOINTS, (motion.joints * MILLIDEGREES_PER_RAD).tolist()),
            can_frames.gripper(motion.gripper_m, flags),
            *(can_frames.fast_driver(joint, motion.speeds[joint - 1]) for joint in joints),
        ]
        if self._num_cycles % _SLOW_EVERY == 0:
            frames += [self._slow_driver_frame(joint) for joint in joints]
        return frames

    @property
    def _reported_mode(self) -> ControlMode:
        return ControlMode.TEACHING if self.faults.is_teaching else self._mode

    @property
    def _reported_status(self) -> ArmStatus:
        if self.motion.is_stopped:
            return ArmStatus.EMERGENCY_STOP
        if self.faults.status is not ArmStatus.NORMAL:
            return self.faults.status
        return ArmStatus.TARGET_OUT_OF_LIMITS if self._is_out_of_limits else ArmStatus.NORMAL

    def _status_frame(self) -> CanFrame:
        is_moving = int(not self.motion.has_arrived)
        codes = (self._reported_mode, self._reported_status, _MOVE_J, 0, is_moving, 0)
        return can_frames.status(codes, self.faults.error_code)

    def _pose_frames(self) -> list[CanFrame]:
        flange = self._kinematics.flange(self.motion.joints)
        turn = flange.rotation
        degrees = np.degrees(
            [
                np.arctan2(turn[2, 1], turn[2, 2]),
                np.arcsin(np.clip(-turn[2, 0], -1.0, 1.0)),
                np.arctan2(turn[1, 0], turn[0, 0]),
            ]
        )
        values = [*(flange.translation * can_frames.MICROMETRES_PER_M), *(degrees * 1000)]
        return can_frames.pairs(can_frames.POSE, values)

    def _slow_driver_frame(self, joint: int) -> CanFrame:
        enabled = int(self.motion.is_enabled[joint - 1]) << ENABLED_BIT
        return can_frames.slow_driver(joint, _SUPPLY_V, enabled | self.faults.driver_flags[joint])

    def _power_off(self) -> None:
        self.motion.is_enabled[:] = False
        self.motion.is_gripper_enabled = False
        self.motion.is_stopped = False
        self._mode = ControlMode.STANDBY

    def _on_stop(self, frame: CanFrame) -> list[CanFrame]:
        if frame.data[0] == _STOP:
            self.motion.is_stopped = True
            self.motion.hold()
        elif frame.data[0] == _RESUME:
            self._ignored_enables = int(self.motion.is_stopped)
            self._power_off()
            self.faults.clear_errors()
        if frame.data[2] in (_TEACH, _END_TEACHING):
            self.faults.is_teaching = frame.data[2] == _TEACH
        return [can_frames.acknowledge(frame.can_id)]

    def _on_mode(self, frame: CanFrame) -> list[CanFrame]:
        if not self.motion.is_stopped and not self.faults.is_teaching:
            self._mode = ControlMode(min(frame.data[0], ControlMode.OFFLINE_TRAJECTORY))
            self.motion.speed_share = min(frame.data[2], 100) / 100
        return []

    def _takes_targets(self) -> bool:
        takes = self._mode is ControlMode.CAN and not self.motion.is_stopped
        return takes and not self.faults.is_teaching

    def _on_joint_targets(self, frame: CanFrame) -> list[CanFrame]:
        first = 2 * can_frames.JOINT_TARGETS.index(frame.can_id)
        joints = [value / MILLIDEGREES_PER_RAD for value in can_frames.unpacked_pair(frame)]
        pair = slice(first, first + 2)
        if not (self._takes_targets() and self.motion.is_enabled[pair].all()):
            self._num_ignored += 1
            return []
        self._num_targets += 1
        jump = np.abs(np.array(joints) - self.motion.joints[pair]).max()
        self._largest_jump_rad = max(self._largest_jump_rad, float(jump))
        self._is_out_of_limits = not self.motion.aim(first, joints)
        return []

    def _on_gripper(self, frame: CanFrame) -> list[CanFrame]:
        opening_m, code = can_frames.unpacked_gripper_target(frame)
        self.motion.is_gripper_enabled = code in (1, 3)
        self.motion.gripper_target_m = min(max(opening_m, 0.0), piper.GRIPPER_STROKE_M)
        return []

    def _on_enable(self, frame: CanFrame) -> list[CanFrame]:
        motor, flag = frame.data[0], frame.data[1]
        if flag == _ENABLE_ON and self._ignored_enables:
            self._ignored_enables -= 1
            return [can_frames.acknowledge(frame.can_id)]
        motors = np.zeros(piper.NUM_JOINTS, dtype=bool)
        motors[slice(None) if motor >= can_frames.ALL_MOTORS else slice(motor - 1, motor)] = True
        is_new = motors & ~self.motion.is_enabled & ~self.faults.is_stuck
        if flag == _ENABLE_OFF:
            self.motion.is_enabled &= ~motors
        elif flag == _ENABLE_ON:
            self.motion.targets = np.where(is_new, self.motion.joints, self.motion.targets)
            self.motion.is_enabled |= is_new
        return [can_frames.acknowledge(frame.can_id)]

    def _on_motor_query(self, frame: CanFrame) -> list[CanFrame]:
        motor, what = frame.data[0], frame.data[1]
        if not 1 <= motor <= piper.NUM_JOINTS:
            return []
        if what != 1:
            return [can_frames.motor_acceleration(motor, ACCELERATION_RAD_PER_S2)]
        limits = piper.JOINT_LOWER_RAD[motor - 1], piper.JOINT_UPPER_RAD[motor - 1]
        return [can_frames.motor_limit(motor, limits, piper.MAX_JOINT_SPEED_RAD_PER_S)]
