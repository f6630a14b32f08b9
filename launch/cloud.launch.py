# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The cloud as a ROS 2 node; `roboecc serve` is the same without ROS."""

from launch import LaunchDescription
from roboecc_ros.bringup import CloudArguments, cloud_nodes
from roboecc_ros.launching import describe


def generate_launch_description() -> LaunchDescription:
    """Return what `ros2 launch roboecc_edge cloud.launch.py` starts."""
    return describe(CloudArguments, cloud_nodes)
