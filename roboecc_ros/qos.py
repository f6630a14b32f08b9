# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Every topic once: its name, its type, its quality of service, and the reason for it.

Each publisher and subscription lets users override reliability, history, depth, durability
and deadline with the standard `qos_overrides.*` parameters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSPolicyKind, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from roboecc_msgs.msg import ActionChunk, ArmCommand, NetworkEstimate, SplitDecision, StepTiming

# The arm may act on a chunk for about this long; without a newer one it is about to hold.
ACTION_DEADLINE_S = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Topic:
    """A topic's name (relative, so that it can be remapped), type and profile.

    Attributes:
        deadline_s: offered by publishers; subscriptions do not ask for one, because a
            publisher that offers none (a bag, a test) would then not match.
        because: why the profile is what it is.
    """

    name: str
    message: Any
    because: str
    is_reliable: bool = True
    is_latched: bool = False
    depth: int = 1
    deadline_s: float | None = None

    def profile(self, *, is_offered: bool = True) -> QoSProfile:
        """Return a new profile; rclpy writes overrides into the one that it is given."""
        reliability, durability = QoSReliabilityPolicy, QoSDurabilityPolicy
        deadline_s = self.deadline_s if is_offered else None
        return QoSProfile(
            depth=self.depth,
            reliability=reliability.RELIABLE if self.is_reliable else reliability.BEST_EFFORT,
            durability=durability.TRANSIENT_LOCAL if self.is_latched else durability.VOLATILE,
            deadline=Duration(seconds=deadline_s) if deadline_s else Duration(),
        )


IMAGE = Topic("image", Image, "newest wins; a late image is useless", is_reliable=False)
CAMERA_INFO = Topic("camera_info", CameraInfo, "goes with the image", is_reliable=False)
JOINT_STATES = Topic("joint_states", JointState, "newest wins", is_reliable=False)
JOINT_COMMAND = Topic("joint_command", JointState, "both PIPER drivers subscribe reliably")
ARM_COMMAND = Topic(
    "arm_command", ArmCommand, "the arm's log, for people", is_reliable=False, depth=50
)
OBJECTS = Topic("objects", MarkerArray, "small, for RViz")
INSTRUCTION = Topic("instruction", String, "a late starter must know the task", is_latched=True)
ACTION_CHUNK = Topic(
    "action_chunk",
    ActionChunk,
    "losing one stops the arm; a stale one must not replay",
    deadline_s=ACTION_DEADLINE_S,
)
STEP_TIMING = Topic("step_timing", StepTiming, "telemetry", is_reliable=False, depth=50)
NETWORK_ESTIMATE = Topic("network_estimate", NetworkEstimate, "small, ordered", depth=10)
SPLIT_DECISION = Topic(
    "split_decision", SplitDecision, "the current split is state", is_latched=True
)
DIAGNOSTICS = Topic("/diagnostics", DiagnosticArray, "REP 107; nothing may be lost", depth=10)
CLOCK = Topic("/clock", Clock, "rclpy's own clock subscription; newest wins", is_reliable=False)


def create_publisher(create: Callable[..., Any], topic: Topic) -> Any:
    """Call `create` (a node's create_publisher or create_lifecycle_publisher) for `topic`."""
    return create(
        topic.message, topic.name, topic.profile(), qos_overriding_options=_overridable()
    )


def create_subscription(node: Node, topic: Topic, callback: Callable[[Any], None]) -> Any:
    """Subscribe to `topic`."""
    return node.create_subscription(
        topic.message,
        topic.name,
        callback,
        topic.profile(is_offered=False),
        qos_overriding_options=_overridable(),
    )


def _overridable() -> QoSOverridingOptions:
    kind = QoSPolicyKind
    return QoSOverridingOptions(
        [kind.RELIABILITY, kind.HISTORY, kind.DEPTH, kind.DURABILITY, kind.DEADLINE]
    )
