# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A node's health on /diagnostics (REP 107): once a second, and at once when it changes."""

from __future__ import annotations

import dataclasses
import threading
from enum import IntEnum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from roboecc_ros import qos

_PERIOD_S = 1.0


class Level(IntEnum):
    """REP 107's levels."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclasses.dataclass(frozen=True, slots=True)
class _Status:
    level: Level
    words: str
    values: tuple[tuple[str, str], ...]


class Diagnostics:
    """The statuses of one node, by what they are about. Any thread may report.

    A change of level or words is published and logged at once; new values only go out with
    the next second's message.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._statuses: dict[str, _Status] = {}
        self._publisher = qos.create_publisher(node.create_publisher, qos.DIAGNOSTICS)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # goes on while a simulation stands
        node.create_timer(_PERIOD_S, self._publish, clock=steady)

    def clear(self) -> None:
        """Forget every status but the node's own."""
        with self._lock:
            self._statuses = {a: s for a, s in self._statuses.items() if a == "node"}

    def forget(self, about: str) -> None:
        """Forget one status, so that the next report is logged even if it says the same."""
        with self._lock:
            self._statuses.pop(about, None)

    def report(
        self,
        level: Level,
        words: str,
        *,
        about: str = "node",
        is_logged: bool = True,
        **values: object,
    ) -> None:
        """Say how `about` is.

        Args:
            level: ERROR means that the node does not do its work now.
            words: one sentence for people; keep numbers that always change in `values`.
            about: which part of the node.
            is_logged: whether a change goes to the log, too.
            **values: shown as a table.
        """
        pairs = tuple((name, str(value)) for name, value in values.items())
        with self._lock:
            before = self._statuses.get(about)
            self._statuses[about] = _Status(level, words, pairs)
        if before is None or (before.level, before.words) != (level, words):
            self._publish()
            if is_logged:
                self._log(level, about, words)

    def _publish(self) -> None:
        with self._lock:
            statuses = dict(self._statuses)
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        name = self._node.get_fully_qualified_name().lstrip("/")
        message.status = [
            DiagnosticStatus(
                level=bytes([status.level]),
                name=f"{name}: {about}",
                message=status.words,
                hardware_id=name,
                values=[KeyValue(key=key, value=value) for key, value in status.values],
            )
            for about, status in statuses.items()
        ]
        self._publisher.publish(message)

    def _log(self, level: Level, about: str, words: str) -> None:
        logger = self._node.get_logger()
        text = f"{about}: {words}"
        if level is Level.ERROR:
            logger.error(text)
        elif level is Level.WARN:
            logger.warning(text)
        else:
            logger.info(text)
