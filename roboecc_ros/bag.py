# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Records topics into a rosbag2 (mcap) by subscribing to their serialised bytes.

`ros2 bag record` is not on every machine that runs RoboECC; the file is the same.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rclpy.node import Node
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from roboecc_ros import qos
from roboecc_ros.qos import Topic

_ROSBAG2_VERSION = 9  # the metadata's, as Jazzy writes it
_NEVER = QosTime(9_223_372_036, 854_775_807)  # rmw's infinite duration
OWN_PACKAGE = "roboecc_msgs"

RUN_TOPICS = (
    qos.IMAGE,
    qos.CAMERA_INFO,
    qos.JOINT_STATES,
    qos.JOINT_COMMAND,
    qos.ARM_COMMAND,
    qos.ACTION_CHUNK,
    qos.STEP_TIMING,
    qos.NETWORK_ESTIMATE,
    qos.SPLIT_DECISION,
    qos.INSTRUCTION,
    qos.OBJECTS,
    qos.DIAGNOSTICS,
    qos.CLOCK,
)
"""What a run's bag holds."""


@functools.cache
def typestore() -> Typestore:
    """Return Jazzy's message types with RoboECC's own added."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for file in sorted((share_folder(OWN_PACKAGE) / "msg").glob("*.msg")):
        name = f"{OWN_PACKAGE}/msg/{file.stem}"
        store.register(get_types_from_msg(file.read_text(encoding="utf-8"), name))
    return store


def share_folder(package: str) -> Path:
    """Return a package's share folder, in a sourced workspace or in this Python's prefix."""
    try:
        return Path(get_package_share_directory(package))
    except (PackageNotFoundError, OSError):  # OSError: nothing was sourced
        return Path(sys.prefix) / "share" / package


def type_name(message_class: type) -> str:
    """Return a message type as bags spell it, e.g. `sensor_msgs/msg/Image`."""
    package, interface, *_ = message_class.__module__.split(".")
    return f"{package}/{interface}/{message_class.__name__}"


def _offered(topic: Topic) -> Qos:
    """Return the profile with which a player shall publish, as rosbag2 spells it."""
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=topic.depth,
        reliability=QosReliability.RELIABLE if topic.is_reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if topic.is_latched else QosDurability.VOLATILE,
        deadline=_NEVER,
        lifespan=_NEVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_NEVER,
        avoid_ros_namespace_conventions=False,
    )


class BagRecorder:
    """Writes every message of some topics until `close`.

    Args:
        node: subscribes; its executor's thread writes.
        folder: of the bag; must not exist yet.
        topics: what to record.
        now_ns: stamps of the bag, system time.
    """

    def __init__(
        self,
        node: Node,
        folder: Path,
        topics: Sequence[Topic],
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.message_counts = {topic.name: 0 for topic in topics}
        self._writer = Writer(folder, version=_ROSBAG2_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._now_ns = now_ns
        self._subscriptions = [self._record(node, topic) for topic in topics]

    def _record(self, node: Node, topic: Topic) -> object:
        connection = self._writer.add_connection(
            node.resolve_topic_name(topic.name),
            type_name(topic.message),
            typestore=typestore(),
            offered_qos_profiles=[_offered(topic)],
        )

        def write(serialised: bytes) -> None:
            self._writer.write(connection, self._now_ns(), serialised)
            self.message_counts[topic.name] += 1

        profile = topic.profile(is_offered=False)
        return node.create_subscription(topic.message, topic.name, write, profile, raw=True)

    def close(self) -> None:
        """Finish the file. Call it when the executor no longer runs."""
        self._subscriptions.clear()
        self._writer.close()
