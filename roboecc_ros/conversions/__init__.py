# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Messages to values of the core and back; the only place that does it.

Arrays go into messages as array.array or bytes: a numpy array is checked element by element,
0.2 s for 2.4 MB. Pure functions; any thread.
"""

from roboecc_ros.conversions.arm import (
    arm_command_to_msg,
    joint_command_to_msg,
    joint_state_to_msg,
    joints_from_msg,
    objects_to_msg,
)
from roboecc_ros.conversions.images import (
    RgbImage,
    camera_info_to_msg,
    image_from_msg,
    image_to_msg,
)
from roboecc_ros.conversions.link import (
    decision_to_msg,
    estimate_to_msg,
    link_from_msgs,
    span_from_msg,
)
from roboecc_ros.conversions.stamps import (
    BASE_FRAME,
    CAMERA_FRAME,
    seconds,
    stamp,
)
from roboecc_ros.conversions.steps import (
    chunk_from_msg,
    chunk_to_msg,
    timing_from_msg,
    timing_to_msg,
)

__all__ = [
    "BASE_FRAME",
    "CAMERA_FRAME",
    "RgbImage",
    "arm_command_to_msg",
    "camera_info_to_msg",
    "chunk_from_msg",
    "chunk_to_msg",
    "decision_to_msg",
    "estimate_to_msg",
    "image_from_msg",
    "image_to_msg",
    "joint_command_to_msg",
    "joint_state_to_msg",
    "joints_from_msg",
    "link_from_msgs",
    "objects_to_msg",
    "seconds",
    "span_from_msg",
    "stamp",
    "timing_from_msg",
    "timing_to_msg",
]
