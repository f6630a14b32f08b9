# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The robot's model node without a cloud: every layer on the robot, images from the test."""

import numpy as np
import pytest
from rclpy.executors import SingleThreadedExecutor

from roboecc_edge.edge_segment_node import EdgeSegmentNode
from roboecc_msgs.msg import SplitDecision
from roboecc_msgs.srv import SetInstruction
from roboecc_ros import conversions, qos
from roboecc_ros.worker import Worker

pytestmark = [pytest.mark.ros, pytest.mark.torch]
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


class Robot:
    """What surrounds the node: a camera, an arm that listens, a manager that decides."""

    def __init__(self, graph, wait_until) -> None:
        self.graph, self.wait_until = graph, wait_until
        self.chunks, self.timings, self.words = [], [], []
        qos.create_subscription(graph.node, qos.ACTION_CHUNK, self.chunks.append)
        qos.create_subscription(graph.node, qos.STEP_TIMING, self.timings.append)
        qos.create_subscription(graph.node, qos.DIAGNOSTICS, self._on_diagnostics)
        self._images = qos.create_publisher(graph.node.create_publisher, qos.IMAGE)
        self._decisions = qos.create_publisher(graph.node.create_publisher, qos.SPLIT_DECISION)

    def _on_diagnostics(self, message) -> None:
        self.words += [status.message for status in message.status]

    def show(self, encoding="rgb8") -> None:
        stamp = self.graph.node.get_clock().now().to_msg()
        message = conversions.image_to_msg(PIXELS, stamp)
        message.encoding = encoding
        self._images.publish(message)

    def decide(self, **fields) -> None:
        self._decisions.publish(SplitDecision(**fields))

    def step(self) -> None:
        """Show images until there is another chunk."""
        seen = len(self.chunks)

        def has_stepped() -> bool:
            self.show()
            return len(self.chunks) > seen

        self.wait_until(has_stepped, "a chunk")


@pytest.fixture
def robot(make_node, graph, wait_until):
    node = make_node(EdgeSegmentNode, span="0:0")
    node.trigger_configure()
    node.trigger_activate()
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def spin(stop):
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.05)

    worker = Worker("edge", spin, pytest.fail)
    yield Robot(graph, wait_until)
    worker.stop()


def test_image_becomes_a_chunk_with_its_age_and_a_timing_of_the_same_step(robot):
    robot.step()  # torch takes its time over the first one
    robot.step()
    chunk = robot.chunks[-1]
    assert chunk.horizon * 7 == len(chunk.actions)
    assert chunk.age_s > 0.0
    assert chunk.header.frame_id == "base_link"
    robot.wait_until(lambda: robot.timings[-1:] and robot.timings[-1].step >= chunk.step, "timing")
    assert chunk.step in [timing.step for timing in robot.timings]
    assert robot.timings[0].round_trips == 0
    assert robot.timings[0].edge_gib > 0


def test_instruction_can_be_changed_and_an_empty_one_is_refused(robot):
    def call(instruction):
        request = SetInstruction.Request(instruction=instruction)
        return robot.graph.call(SetInstruction, "set_instruction", request)

    assert call("pick up the mango").accepted
    refusal = call("  ")
    assert not refusal.accepted
    assert "empty" in refusal.message


def test_decisions_that_cannot_be_used_change_nothing(robot):
    robot.decide(span_start=9, span_stop=2, codec="raw")
    robot.decide(span_start=0, span_stop=0, codec="zip")
    robot.step()
    robot.wait_until(lambda: robot.timings, "a timing")
    assert (robot.timings[-1].span_start, robot.timings[-1].span_stop) == (0, 0)


def test_span_of_the_newest_decision_is_used_and_without_a_cloud_is_told(robot):
    robot.decide(span_start=45, span_stop=77, codec="raw")

    def has_told() -> bool:
        robot.show()
        return "the cloud is unreachable" in robot.words

    robot.wait_until(has_told, "words on the cloud")
    robot.decide(span_start=0, span_stop=0, codec="raw")
    robot.step()


def test_image_of_another_encoding_is_told_and_survived(robot):
    def has_told() -> bool:
        robot.show("16UC1")
        return any("16UC1" in words for words in robot.words)

    robot.wait_until(has_told, "words on the encoding")
    robot.step()


def test_silent_camera_is_told_and_survived(robot):
    robot.step()
    robot.wait_until(lambda: any("no image" in w for w in robot.words), "words on the camera")
    robot.step()
