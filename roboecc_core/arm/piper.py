# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What AgileX publishes about the PIPER arm, as data, each number with its source.

Kinematics, limits and the gripper come from piper_sdk and the agx drivers (checked in
`shared/reference/piper.md`); the drawn shapes at the end are our own and serve the URDF and
the simulation. Nothing here knows a robot driver, ROS or MuJoCo.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Point = tuple[float, float, float]

NUM_JOINTS = 6
JOINT_NAMES = ("joint1", "joint2", "joint3", "joint4", "joint5", "joint6")  # piper_ros
GRIPPER_NAME = "gripper"  # piper_ros, agx_arm_ros: position = full opening in m
STATE_NAMES = (*JOINT_NAMES, GRIPPER_NAME)  # order of every (7,) joint state


@dataclasses.dataclass(frozen=True, slots=True)
class DhRow:
    """One row of a modified (Craig) DH table: lengths in m, angles in rad."""

    a_m: float
    alpha_rad: float
    offset_rad: float
    d_m: float

    def placement(self) -> Vector:
        """Return `(4, 4)`: this joint's frame in its parent's at joint angle zero.

        RotX(alpha) TransX(a) RotZ(offset) TransZ(d). RotZ and TransZ commute, so a joint
        angle is one more rotation about this frame's z axis.
        """
        cos_a, sin_a = math.cos(self.alpha_rad), math.sin(self.alpha_rad)
        cos_o, sin_o = math.cos(self.offset_rad), math.sin(self.offset_rad)
        return np.array(
            [
                [cos_o, -sin_o, 0.0, self.a_m],
                [cos_a * sin_o, cos_a * cos_o, -sin_a, -sin_a * self.d_m],
                [sin_a * sin_o, sin_a * cos_o, cos_a, cos_a * self.d_m],
                [0.0, 0.0, 0.0, 1.0],
            ]
        )


def _row(a_mm: float, alpha_deg: float, offset_deg: float, d_mm: float) -> DhRow:
    return DhRow(a_mm / 1000, math.radians(alpha_deg), math.radians(offset_deg), d_mm / 1000)


def _radians(*degrees: float) -> tuple[float, ...]:
    return tuple(math.radians(value) for value in degrees)


# piper_sdk 0.6.2 `C_PiperForwardKinematics`, dh_is_offset=1 (firmware from S-V1.6-3 on).
DH_TABLE = (
    _row(0.0, 0.0, 0.0, 123.0),
    _row(0.0, -90.0, -172.22, 0.0),
    _row(285.03, 0.0, -102.78, 0.0),
    _row(-21.98, 90.0, 0.0, 250.75),
    _row(0.0, -90.0, 0.0, 0.0),
    _row(0.0, 90.0, 0.0, 91.0),
)

# piper_sdk 0.6.2 joint limits. The official URDF's upper limit of joint1, 2.168, is a
# typing error for 2.618 rad (150 deg).
JOINT_LOWER_RAD = _radians(-150.0, 0.0, -170.0, -100.0, -70.0, -120.0)
JOINT_UPPER_RAD = _radians(150.0, 180.0, 0.0, 100.0, 70.0, 120.0)

MAX_JOINT_SPEED_RAD_PER_S = 3.0  # CAN 0x474, the highest value that each motor accepts

GRIPPER_STROKE_M = 0.07  # piper_sdk gripper range 0..70 mm between the two fingers
FLANGE_TO_TIP_M = 0.1358  # finger joint origin along the flange's z, piper_description

# Where a powered-off arm lies; singular (smallest singular value of the Jacobian is 0).
REST_JOINTS_RAD = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

# Tip at (0.25, 0, 0.10) m pointing down, smallest singular value 0.167 (own measurement,
# piper.md section 3). joint6 = 0 of the two choices: it leaves 120 deg of yaw either way,
# and the fingers then open along the base's y axis.
READY_JOINTS_RAD = _radians(0.0, 84.6, -55.8, 0.0, 66.2, 0.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Rod:
    """A drawn cylinder from `start_m` to `end_m` in its link's frame; round ends on request."""

    start_m: Point
    end_m: Point
    radius_m: float
    colour: str
    has_round_ends: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """A drawn box with its full size along the link's axes."""

    centre_m: Point
    size_m: Point
    colour: str


# Red, green, blue, 0..1; own choice after the arm's white shells and black joints.
COLOURS: dict[str, Point] = {
    "shell": (0.90, 0.91, 0.93),
    "dark": (0.16, 0.17, 0.20),
    "accent": (0.13, 0.37, 0.70),
}

_ELBOW_M = DH_TABLE[2].a_m
_FOREARM_END_M: Point = (DH_TABLE[3].a_m, -DH_TABLE[3].d_m, 0.0)

# Own primitives around the DH frames; radii are taken by eye from the arm's pictures.
LINK_SHAPES: dict[str, tuple[Rod | Box, ...]] = {
    "base_link": (
        Rod((0.0, 0.0, 0.0), (0.0, 0.0, 0.025), 0.075, "dark"),
        Rod((0.0, 0.0, 0.025), (0.0, 0.0, 0.085), 0.05, "shell"),
    ),
    "link1": (
        Rod((0.0, 0.0, -0.038), (0.0, 0.0, -0.025), 0.048, "accent"),
        Rod((0.0, 0.0, -0.025), (0.0, 0.0, 0.0), 0.048, "shell"),
        Rod((0.0, -0.055, 0.0), (0.0, 0.055, 0.0), 0.044, "dark"),
    ),
    "link2": (
        Rod((0.02, 0.0, 0.0), (_ELBOW_M, 0.0, 0.0), 0.032, "shell", has_round_ends=True),
        Rod((_ELBOW_M, 0.0, -0.045), (_ELBOW_M, 0.0, 0.045), 0.036, "dark"),
    ),
    "link3": (Rod((0.0, 0.0, 0.0), _FOREARM_END_M, 0.028, "shell", has_round_ends=True),),
    "link4": (Rod((0.0, 0.0, -0.045), (0.0, 0.0, -0.03), 0.033, "accent"),),
    "link5": (
        Rod((0.0, 0.0, -0.036), (0.0, 0.0, 0.036), 0.031, "dark"),
        Rod((0.0, 0.0, 0.0), (0.0, -0.062, 0.0), 0.026, "shell"),
    ),
    "link6": (Rod((0.0, 0.0, -0.028), (0.0, 0.0, 0.0), 0.029, "dark"),),
    "gripper_base": (
        Rod((0.0, 0.0, 0.0), (0.0, 0.0, 0.03), 0.026, "shell"),
        Box((0.0, 0.0, 0.05), (0.05, 0.11, 0.045), "shell"),
        Box((0.0, 0.0, 0.075), (0.03, 0.1, 0.008), "dark"),
    ),
    "link7": (Box((0.0, 0.006, -0.031), (0.02, 0.012, 0.062), "dark"),),
    "link8": (Box((0.0, -0.006, -0.031), (0.02, 0.012, 0.062), "dark"),),
}
