# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""How each arm driver wants its joint commands: topics, and what the fields besides position say.

Facts in docs of the two official drivers (agilexrobotics/piper_ros `humble`, agx_arm_ros `ros2`):
both take a missing joint as 0 rad, so every command carries all seven names.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Outlet:
    """One driver's topics and extras.

    Attributes:
        command_topic, state_topic: what `joint_command` and `joint_states` are remapped to.
        has_speed_percent: velocity[6] is the speed in percent; without it piper_ros drives at 100.
        gripper_effort: N (agx) or N m (piper_ros) in effort[6], 0 to leave efforts out.
    """

    command_topic: str
    state_topic: str
    has_speed_percent: bool = False
    gripper_effort: float = 0.0


OUTLETS = {
    "sim": Outlet("joint_command", "joint_states"),
    "piper_ros": Outlet(
        "joint_ctrl_single", "joint_states_single", has_speed_percent=True, gripper_effort=1.0
    ),
    "agx_arm_ros": Outlet("control/joint_states", "feedback/joint_states", gripper_effort=1.0),
}
