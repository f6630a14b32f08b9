# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Joint states, joint commands, and the arm's log; the simulated objects."""

from __future__ import annotations

import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from sensor_msgs.msg import JointState
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from roboecc_core.arm import piper
from roboecc_core.errors import ConfigError
from roboecc_msgs.msg import ArmCommand
from roboecc_ros.conversions.stamps import BASE_FRAME
from roboecc_ros.outlets import Outlet

if TYPE_CHECKING:  # pinocchio takes its time; only the arm's node needs it
    from roboecc_core.arm.arm_controller import JointCommand
    from roboecc_core.data_plane.action_gate import GatedAction
    from roboecc_core.sim.simulation import ObjectPose

_MODES = {"hold": ArmCommand.HOLD, "action": ArmCommand.ACTION, "ready": ArmCommand.READY}


def joint_command_to_msg(
    command: JointCommand, outlet: Outlet, stamp: Any, *, speed_percent: int
) -> JointState:
    """Return what a driver takes: seven names, rad and m, extras as the outlet wants them."""
    message = JointState(name=list(piper.STATE_NAMES))
    message.header.stamp, message.header.frame_id = stamp, BASE_FRAME
    message.position = array.array("d", [*command.joints, command.gripper_m])
    unused = [0.0] * piper.NUM_JOINTS
    if outlet.has_speed_percent:
        message.velocity = array.array("d", [*unused, float(speed_percent)])
    if outlet.gripper_effort:
        message.effort = array.array("d", [*unused, outlet.gripper_effort])
    return message


def joint_state_to_msg(
    names: Sequence[str], positions: Sequence[float], velocities: Sequence[float], stamp: Any
) -> JointState:
    """Return a state in rad, rad/s, m and m/s."""
    message = JointState(name=list(names))
    message.header.stamp, message.header.frame_id = stamp, BASE_FRAME
    message.position = array.array("d", positions)
    message.velocity = array.array("d", velocities)
    return message


def joints_from_msg(message: JointState) -> tuple[float, ...]:
    """Return `(7,)` positions in the order of `piper.STATE_NAMES`, found by name.

    Raises:
        ConfigError: a joint is missing.
    """
    positions = dict(zip(message.name, message.position, strict=False))
    missing = [name for name in piper.STATE_NAMES if name not in positions]
    if missing:
        raise ConfigError(
            f"joint state lacks {', '.join(missing)}; it has {', '.join(message.name) or 'none'}"
        )
    return tuple(float(positions[name]) for name in piper.STATE_NAMES)


def arm_command_to_msg(
    command: JointCommand, action: GatedAction | None, *, now_s: float, stamp: Any
) -> ArmCommand:
    """Return the log entry of one tick; `now_s` on the gate's clock."""
    message = ArmCommand(
        mode=_MODES[command.mode],
        joints=list(command.joints),
        gripper_m=command.gripper_m,
        clipped_by=command.clipped_by,
    )
    message.header.stamp, message.header.frame_id = stamp, BASE_FRAME
    if command.mode == "action" and action is not None:
        message.step, message.action_index = action.step, action.index
        message.action_age_s = now_s - action.captured_s
        message.action_valid_for_s = action.valid_until_s - action.captured_s
    return message


def objects_to_msg(
    poses: Mapping[str, ObjectPose], sizes_m: Mapping[str, Sequence[float]], stamp: Any
) -> MarkerArray:
    """Return one marker an object: its name is the namespace, its pose in base_link."""
    markers = []
    for name, pose in poses.items():
        x, y, z = (float(value) for value in sizes_m[name])
        marker = Marker(ns=name, type=Marker.SPHERE if x != y else Marker.CYLINDER)
        marker.header.stamp, marker.header.frame_id = stamp, BASE_FRAME
        px, py, pz = pose.position_m
        qx, qy, qz, qw = pose.orientation_xyzw
        marker.pose = Pose(
            position=Point(x=px, y=py, z=pz), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw)
        )
        marker.scale = Vector3(x=x, y=y, z=z)
        marker.color = ColorRGBA(r=0.98, g=0.53, b=0.06, a=1.0)
        if marker.type == Marker.CYLINDER:
            marker.color = ColorRGBA(r=0.74, g=0.77, b=0.80, a=1.0)
        markers.append(marker)
    return MarkerArray(markers=markers)
