# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Watches a running robot from outside and keeps what a report needs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from roboecc_core.reports.run_summary import AppliedAction, DecisionRecord, RunRecord
from roboecc_core.types import CloudSpan, StepTiming
from roboecc_msgs.msg import ActionChunk, ArmCommand, SplitDecision
from roboecc_msgs.msg import StepTiming as StepTimingMsg
from roboecc_ros import conversions, qos
from roboecc_ros.conversions import RgbImage


class RunObserver:
    """Subscribes to a robot's topics. Callbacks run on the node's executor; the rest anywhere.

    Args:
        node: subscribes.
        clock: monotonic seconds; `at_s` of every record.
    """

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._timings: list[StepTiming] = []
        self._applied: dict[tuple[int, int], AppliedAction] = {}
        self._decisions: list[DecisionRecord] = []
        self._chunk_age_s: dict[int, float] = {}
        self._images: list[Any] = []
        self._troubles: dict[str, str] = {}
        for topic, callback in (
            (qos.STEP_TIMING, self._on_timing),
            (qos.ACTION_CHUNK, self._on_chunk),
            (qos.ARM_COMMAND, self._on_arm_command),
            (qos.SPLIT_DECISION, self._on_decision),
            (qos.IMAGE, self._on_image),
            (qos.DIAGNOSTICS, self._on_diagnostics),
        ):
            qos.create_subscription(node, topic, callback)

    @property
    def num_steps(self) -> int:
        """Steps seen so far."""
        return len(self._timings)

    @property
    def troubles(self) -> list[str]:
        """What the nodes say is wrong now, `name: words`."""
        with self._lock:
            return [f"{name}: {words}" for name, words in self._troubles.items()]

    def images(self) -> tuple[RgbImage, RgbImage]:
        """Return the first and the newest camera frame; at least one step must have been seen."""
        first, *_, last = [*self._images, self._images[-1]]
        return conversions.image_from_msg(first), conversions.image_from_msg(last)

    def fail(self, error: Exception) -> None:
        """Note that the observing thread ended with an error."""
        with self._lock:
            self._troubles["observer"] = f"{type(error).__name__}: {error}"

    def record(self, num_steps: int) -> RunRecord:
        """Return the first `num_steps` steps and what belongs to them."""
        with self._lock:
            timings = self._timings[:num_steps]
            last = timings[-1].step if timings else 0
            applied = [a for a in self._applied.values() if a.step <= last]
            return RunRecord(timings, applied, list(self._decisions))

    def _on_timing(self, message: StepTimingMsg) -> None:
        timing, _ = conversions.timing_from_msg(message, self._clock())
        with self._lock:
            self._timings.append(timing)

    def _on_chunk(self, message: ActionChunk) -> None:
        self._chunk_age_s[message.step] = message.age_s

    def _on_arm_command(self, message: ArmCommand) -> None:
        key = (message.step, message.action_index)
        if message.mode != ArmCommand.ACTION or key in self._applied:
            return
        handed_over_s = self._chunk_age_s.get(message.step, message.action_age_s)
        arm_s = max(message.action_age_s - handed_over_s, 0.0)
        with self._lock:
            self._applied[key] = AppliedAction(*key, at_s=self._clock(), arm_s=arm_s)

    def _on_decision(self, message: SplitDecision) -> None:
        span = CloudSpan(message.span_start, message.span_stop)
        decision = DecisionRecord(
            self._clock(), span, message.codec, message.policy, message.reason
        )
        with self._lock:
            self._decisions.append(decision)

    def _on_image(self, message: Any) -> None:
        self._images = [*self._images[:1], message]

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        with self._lock:
            for status in message.status:
                self._troubles.pop(status.name, None)
                if status.level == DiagnosticStatus.ERROR:
                    self._troubles[status.name] = status.message
