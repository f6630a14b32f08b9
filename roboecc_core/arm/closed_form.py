# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Every joint solution of a tool pose, in closed form.

The last three axes of the PIPER meet in one point, the wrist, so position and orientation
part (Pieper): the first three joints bring the wrist to its place, the last three turn the
tool. Plain floats instead of arrays: at this size an array operation costs ten times the
arithmetic in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from roboecc_core.arm import piper
from roboecc_core.arm.piper import Vector

Triple = tuple[float, float, float]
Joints = tuple[float, float, float, float, float, float]

_BASE_HEIGHT_M = piper.DH_TABLE[0].d_m
_UPPER_ARM_M = piper.DH_TABLE[2].a_m
_ELBOW_OFFSET_M = piper.DH_TABLE[3].a_m
_FOREARM_M = piper.DH_TABLE[3].d_m
_WRIST_TO_TIP_M = piper.DH_TABLE[5].d_m + piper.FLANGE_TO_TIP_M
_ELBOW_TO_WRIST_M = math.hypot(_ELBOW_OFFSET_M, _FOREARM_M)
_ELBOW_ANGLE_RAD = math.atan2(_FOREARM_M, _ELBOW_OFFSET_M)
_OFFSETS_RAD = tuple(row.offset_rad for row in piper.DH_TABLE)
_LOWER, _UPPER = piper.JOINT_LOWER_RAD, piper.JOINT_UPPER_RAD
_ON_AXIS_M = 1e-9  # wrist this near to joint1's axis: joint1 is free
_ALIGNED = 1e-9  # sine of joint5 below which joint4 and joint6 turn about one axis


def solutions(position: Vector, rotation: Vector, near: Vector) -> Iterator[Joints]:
    """Yield all joints within the limits, at most eight, that bring the tool tip there.

    Args:
        position: `(3,)` m, tool tip in the base frame.
        rotation: `(3, 3)`, of the tool in the base frame.
        near: `(6,)` rad; decides angles that a singular pose leaves free.
    """
    tool_x, tool_y, tool_z = rotation.T.tolist()
    x, y, z = (
        place - _WRIST_TO_TIP_M * along
        for place, along in zip(position.tolist(), tool_z, strict=True)
    )
    free1, _, _, free4, _, _ = near.tolist()
    for joint1, joint2, joint3 in _arm_angles(x, y, z, free1):
        axes = _forearm_axes(joint1, joint2 + joint3)
        cos5 = _dot(axes[2], tool_z)
        sin5_cos4, sin5_sin4 = _dot(axes[0], tool_z), _dot(axes[1], tool_z)
        if math.hypot(sin5_cos4, sin5_sin4) < _ALIGNED:
            both = math.atan2(_dot(axes[1], tool_x), _dot(axes[1], tool_y))
            wrists = [(free4, 0.0, _wrapped(both - free4))]
        else:
            sin5_sin6, sin5_cos6 = _dot(axes[2], tool_y), -_dot(axes[2], tool_x)
            wrists = _wrist_angles((sin5_sin4, sin5_cos4), cos5, (sin5_sin6, sin5_cos6))
        for wrist in wrists:
            if _is_inside(wrist, 3):
                yield joint1, joint2, joint3, *wrist


def _arm_angles(x: float, y: float, z: float, free1: float) -> Iterator[Triple]:
    """Yield joint1 to joint3, within their limits, that bring the wrist to a place."""
    radius, height = math.hypot(x, y), z - _BASE_HEIGHT_M
    along = (radius**2 + height**2 - _UPPER_ARM_M**2 - _ELBOW_TO_WRIST_M**2) / (2 * _UPPER_ARM_M)
    if abs(along) > _ELBOW_TO_WRIST_M:
        return
    bend = math.acos(along / _ELBOW_TO_WRIST_M)
    ahead = free1 if radius < _ON_AXIS_M else math.atan2(y, x)
    for joint1, reach in ((ahead, radius), (_wrapped(ahead + math.pi), -radius)):
        for elbow in (_ELBOW_ANGLE_RAD - bend, _ELBOW_ANGLE_RAD + bend):
            cos3, sin3 = math.cos(elbow), math.sin(elbow)
            out = _UPPER_ARM_M + _ELBOW_OFFSET_M * cos3 + _FOREARM_M * sin3
            up = _ELBOW_OFFSET_M * sin3 - _FOREARM_M * cos3
            shoulder = math.atan2(-height, reach) - math.atan2(up, out)
            joint2 = _wrapped(shoulder - _OFFSETS_RAD[1])
            joint3 = _wrapped(elbow - _OFFSETS_RAD[2])
            if _is_inside((joint1, joint2, joint3), 0):
                yield joint1, joint2, joint3


def _forearm_axes(joint1: float, bend: float) -> tuple[Triple, Triple, Triple]:
    """Return the axes, in the base frame, about which the wrist's three angles are counted.

    The tool's orientation in them is RotZ(joint4) RotY(joint5) RotZ(joint6).
    """
    pitch = bend + _OFFSETS_RAD[1] + _OFFSETS_RAD[2]
    cos1, sin1 = math.cos(joint1), math.sin(joint1)
    cos_p, sin_p = math.cos(pitch), math.sin(pitch)
    return (
        (cos_p * cos1, cos_p * sin1, -sin_p),
        (-sin1, cos1, 0.0),
        (sin_p * cos1, sin_p * sin1, cos_p),
    )


def _wrist_angles(
    turn4: tuple[float, float], cos5: float, turn6: tuple[float, float]
) -> list[Triple]:
    """Return joint4 to joint6 of both wrist postures; turns are (sine, cosine) times sin5."""
    joint4, joint6 = math.atan2(*turn4), math.atan2(*turn6)
    joint5 = math.atan2(math.hypot(*turn4), cos5)
    flipped = _wrapped(joint4 + math.pi), -joint5, _wrapped(joint6 + math.pi)
    return [(joint4, joint5, joint6), flipped]


def _is_inside(angles: Triple, first: int) -> bool:
    return all(
        _LOWER[index] <= angle <= _UPPER[index] for index, angle in enumerate(angles, first)
    )


def _dot(one: Triple, other: list[float]) -> float:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def _wrapped(angle: float) -> float:
    """Return the same angle in [-pi, pi]."""
    return math.remainder(angle, math.tau)
