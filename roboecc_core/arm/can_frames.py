# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The PIPER's CAN frames as bytes, and CAN frames as slcan text.

Only the fake arm packs and unpacks them; the driver leaves that to the official SDK, so that
the two do not share a mistake. Big-endian, 11-bit identifiers, eight bytes
(`shared/reference/piper.md` section 2, piper_sdk 0.6.2 `piper_protocol_v2.py`).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

from roboecc_core.errors import ProtocolError

STOP, MODE, FIRMWARE = 0x150, 0x151, 0x4AF
JOINT_TARGETS = (0x155, 0x156, 0x157)
GRIPPER_TARGET = 0x159
ENABLE = 0x471
MOTOR_QUERY, MOTOR_LIMIT, MOTOR_ACCELERATION = 0x472, 0x473, 0x47C
ACKNOWLEDGED = (0x470, 0x474, 0x475, 0x477, 0x479, 0x47A, 0x47D)
ACKNOWLEDGE = 0x476
STATUS = 0x2A1
POSE, JOINTS = (0x2A2, 0x2A3, 0x2A4), (0x2A5, 0x2A6, 0x2A7)
GRIPPER = 0x2A8
FAST_DRIVER, SLOW_DRIVER = 0x250, 0x260  # plus the joint's number

ALL_MOTORS = 7  # of 0x471 byte 0
MILLIDEGREES_PER_RAD = 180_000 / math.pi
MICROMETRES_PER_M = 1e6
_MILLI_PER_UNIT = 1000

_HIGHEST_ID = 0x7FF
_LONGEST_DATA_BYTES = 8
_HEADER_CHARACTERS = 5  # t, three of the identifier, one of the length


class CanFrame(NamedTuple):
    """One CAN 2.0 frame with an 11-bit identifier."""

    can_id: int
    data: bytes


def to_slcan(frame: CanFrame) -> bytes:
    """Return the frame as a line of slcan (LAWICEL) text."""
    return b"t%03X%d%s\r" % (frame.can_id, len(frame.data), frame.data.hex().upper().encode())


def from_slcan(line: bytes) -> CanFrame:
    """Return the frame of one line without its end.

    Raises:
        ProtocolError: the line is no frame with an 11-bit identifier.
    """
    try:
        can_id, num_bytes = int(line[1:4], 16), int(line[4:5])
        data = bytes.fromhex(line[_HEADER_CHARACTERS:].decode("ascii"))
    except ValueError:
        can_id, num_bytes, data = -1, -1, b""
    is_id = 0 <= can_id <= _HIGHEST_ID
    if line[:1] != b"t" or not is_id or len(data) != num_bytes or num_bytes > _LONGEST_DATA_BYTES:
        raise ProtocolError(
            f"slcan line {line[:40]!r} is no frame; expected t, three hexadecimal digits of "
            "identifier, the length and that many bytes in hexadecimal"
        )
    return CanFrame(can_id, data)


def pairs(can_ids: Sequence[int], values: Sequence[float]) -> list[CanFrame]:
    """Return int32 values two a frame: joints in 0.001 deg, poses in 0.001 mm and 0.001 deg."""
    return [
        CanFrame(can_id, struct.pack(">ii", round(values[2 * n]), round(values[2 * n + 1])))
        for n, can_id in enumerate(can_ids)
    ]


def unpacked_pair(frame: CanFrame) -> tuple[int, int]:
    """Return the two int32 of a frame that `pairs` would make."""
    first, second = struct.unpack(">ii", frame.data)
    return first, second


def status(codes: Sequence[int], error_code: int) -> CanFrame:
    """Return 0x2A1: control mode, arm status, move mode, teach, motion, trajectory; errors."""
    return CanFrame(STATUS, struct.pack(">6BH", *codes, error_code))


def gripper(opening_m: float, flags: int) -> CanFrame:
    """Return 0x2A8; the torque is not modelled."""
    micrometres = round(opening_m * MICROMETRES_PER_M)
    return CanFrame(GRIPPER, struct.pack(">ihBB", micrometres, 0, flags, 0))


def unpacked_gripper_target(frame: CanFrame) -> tuple[float, int]:
    """Return the opening in m and the code (0 off, 1 on, 2 and 3 the same, clearing errors)."""
    micrometres, _torque, code, _zero = struct.unpack(">iHBB", frame.data)
    return micrometres / MICROMETRES_PER_M, code


def fast_driver(joint: int, speed_rad_per_s: float) -> CanFrame:
    """Return 0x251 to 0x256: a motor's speed; current and position are left at 0."""
    speed = round(speed_rad_per_s * _MILLI_PER_UNIT)
    return CanFrame(FAST_DRIVER + joint, struct.pack(">hhi", speed, 0, 0))


def slow_driver(joint: int, voltage_v: float, flags: int) -> CanFrame:
    """Return 0x261 to 0x266: supply voltage, temperatures of 30 degrees, state."""
    decivolts = round(voltage_v * 10)
    return CanFrame(SLOW_DRIVER + joint, struct.pack(">HhbBH", decivolts, 30, 30, flags, 0))


def motor_limit(joint: int, limits_rad: tuple[float, float], max_speed: float) -> CanFrame:
    """Return 0x473: highest and lowest angle, highest speed in rad/s."""
    lower, upper = (round(math.degrees(angle) * 10) for angle in limits_rad)
    speed = round(max_speed * _MILLI_PER_UNIT)
    return CanFrame(MOTOR_LIMIT, struct.pack(">BhhHB", joint, upper, lower, speed, 0))


def motor_acceleration(joint: int, max_acceleration: float) -> CanFrame:
    """Return 0x47C: highest acceleration in rad/s2."""
    acceleration = round(max_acceleration * 100)
    return CanFrame(MOTOR_ACCELERATION, struct.pack(">BH5x", joint, acceleration))


def acknowledge(can_id: int) -> CanFrame:
    """Return 0x476, the answer to a setting."""
    return CanFrame(ACKNOWLEDGE, bytes([can_id & 0xFF, 0, 0, 0, 0, 0, 0, 0]))


def firmware(version: str) -> CanFrame:
    """Return 0x4AF with a version of eight characters."""
    return CanFrame(FIRMWARE, version.encode("ascii")[:_LONGEST_DATA_BYTES].ljust(8))
