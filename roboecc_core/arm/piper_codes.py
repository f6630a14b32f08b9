# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What the numbers in the PIPER's feedback mean, in words (piper_sdk 0.6.2, 0x2A1, 0x261-0x266).

One table for the driver, which explains them, and for the fake arm, which sends them.
"""

from __future__ import annotations

import enum
import re
from typing import NamedTuple


class ControlMode(enum.IntEnum):
    """Who commands the arm: 0x2A1 byte 0 and 0x151 byte 0."""

    STANDBY = 0
    CAN = 1
    TEACHING = 2
    ETHERNET = 3
    WIFI = 4
    REMOTE = 5
    LINKAGE_TEACHING = 6
    OFFLINE_TRAJECTORY = 7
    UNKNOWN = 0xFF


class ArmStatus(enum.IntEnum):
    """How the arm is: 0x2A1 byte 1."""

    NORMAL = 0x00
    EMERGENCY_STOP = 0x01
    NO_SOLUTION = 0x02
    SINGULARITY = 0x03
    TARGET_OUT_OF_LIMITS = 0x04
    JOINT_COMMUNICATION = 0x05
    BRAKE_NOT_RELEASED = 0x06
    COLLISION = 0x07
    TEACHING_OVERSPEED = 0x08
    JOINT_STATUS = 0x09
    OTHER = 0x0A
    TEACHING_RECORD = 0x0B
    TEACHING_REPLAY = 0x0C
    TEACHING_PAUSE = 0x0D
    CONTROLLER_HOT = 0x0E
    RESISTOR_HOT = 0x0F
    UNKNOWN = 0xFF


TEACHING_MODES = frozenset({ControlMode.TEACHING, ControlMode.LINKAGE_TEACHING})
TEACHING_STATUSES = frozenset(
    {ArmStatus.TEACHING_RECORD, ArmStatus.TEACHING_REPLAY, ArmStatus.TEACHING_PAUSE}
)
# The arm goes on taking joint targets: it only could not do what one of them asked.
PASSING_STATUSES = frozenset(
    {
        ArmStatus.NORMAL,
        ArmStatus.NO_SOLUTION,
        ArmStatus.SINGULARITY,
        ArmStatus.TARGET_OUT_OF_LIMITS,
    }
)

STATUS_WORDS = {
    ArmStatus.EMERGENCY_STOP: "emergency stop",
    ArmStatus.NO_SOLUTION: "no solution for the target",
    ArmStatus.SINGULARITY: "singular point",
    ArmStatus.TARGET_OUT_OF_LIMITS: "target outside the joint limits",
    ArmStatus.JOINT_COMMUNICATION: "communication with a joint failed",
    ArmStatus.BRAKE_NOT_RELEASED: "a joint's brake is not released",
    ArmStatus.COLLISION: "collision",
    ArmStatus.TEACHING_OVERSPEED: "dragged too fast while teaching",
    ArmStatus.JOINT_STATUS: "a joint's state is not as it should be",
    ArmStatus.OTHER: "other error",
    ArmStatus.TEACHING_RECORD: "recording a taught motion",
    ArmStatus.TEACHING_REPLAY: "replaying a taught motion",
    ArmStatus.TEACHING_PAUSE: "taught motion paused",
    ArmStatus.CONTROLLER_HOT: "main controller too hot",
    ArmStatus.RESISTOR_HOT: "brake resistor too hot",
    ArmStatus.UNKNOWN: "status code not known to piper_sdk",
}

ENABLED_BIT = 6  # 0x261-0x266 byte 5 and 0x2A8 byte 6
HOMED_BIT = 7  # 0x2A8 byte 6
DRIVER_FLAGS = {  # 0x261-0x266 byte 5, by bit
    0: "supply voltage too low",
    1: "motor too hot",
    2: "driver overcurrent",
    3: "driver too hot",
    4: "collision protection",
    5: "driver error",
    7: "stalled",
}
GRIPPER_FLAGS = {  # 0x2A8 byte 6, by bit
    0: "supply voltage too low",
    1: "motor too hot",
    2: "driver overcurrent",
    3: "driver too hot",
    4: "sensor error",
    5: "driver error",
}

_FIRMWARE = re.compile(r"S-V(\d+)\.(\d+)-(\d+)")


class Firmware(NamedTuple):
    """A firmware version such as S-V1.8-2."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"S-V{self.major}.{self.minor}-{self.patch}"

    @classmethod
    def parsed(cls, text: str) -> Firmware | None:
        """Return the version, None when `text` holds none."""
        found = _FIRMWARE.search(text)
        return None if found is None else cls(*map(int, found.groups()))

    @property
    def has_old_zero(self) -> bool:
        """True when joint2 and joint3 count from 2 deg beside our DH table (before S-V1.6-3)."""
        return self < Firmware(1, 6, 3)


def error_code_words(error_code: int) -> list[str]:
    """Return what the 16 bits of 0x2A1 bytes 6-7 say, one sentence a set bit."""
    joints = range(1, 7)
    beyond = [f"joint{j} beyond its angle limit" for j in joints if error_code >> 7 + j & 1]
    lost = [f"joint{j} does not communicate" for j in joints if error_code >> j - 1 & 1]
    return beyond + lost


def flag_words(flags: int, names: dict[int, str]) -> list[str]:
    """Return the words of the set bits."""
    return [word for bit, word in names.items() if flags >> bit & 1]
