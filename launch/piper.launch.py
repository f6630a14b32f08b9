# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Robot, simulation (unless sim:=false) and a local cloud (unless cloud:=tcp/HOST:PORT)."""

from launch import LaunchDescription
from roboecc_ros.bringup import BringupArguments, robot_nodes
from roboecc_ros.launching import describe


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch roboecc_edge piper.launch.py` starts."""
    return describe(BringupArguments, robot_nodes)
