# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn

from roboecc_cloud_bridge.cloud_bridge_node import CloudBridgeNode
from roboecc_edge.camera_node import CameraNode
from roboecc_edge.edge_segment_node import EdgeSegmentNode
from roboecc_edge.network_monitor_node import NetworkMonitorNode
from roboecc_edge.piper_arm_node import PiperArmNode
from roboecc_edge.sim_node import SimNode
from roboecc_edge.split_manager_node import SplitManagerNode
from roboecc_ros import qos

pytestmark = [pytest.mark.ros, pytest.mark.torch]

SUCCESS = TransitionCallbackReturn.SUCCESS


@pytest.fixture
def clip(tmp_path):
    """A short video file."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for brightness in (0, 100, 200):
        writer.write(np.full((48, 64, 3), brightness, dtype=np.uint8))
    writer.release()
    return path


@pytest.fixture(params=["camera", "edge", "monitor", "manager", "arm", "sim", "cloud"])
def node(request, make_node, free_port, tmp_path):
    endpoint = f"tcp/127.0.0.1:{free_port}"
    classes = {
        "camera": (CameraNode, lambda: {"source": str(request.getfixturevalue("clip"))}),
        "edge": (EdgeSegmentNode, lambda: {"cloud.endpoint": endpoint}),
        "monitor": (NetworkMonitorNode, lambda: {"cloud.endpoint": endpoint}),
        "manager": (SplitManagerNode, dict),
        "arm": (PiperArmNode, lambda: {"log_path": str(tmp_path / "arm.jsonl")}),
        "sim": (SimNode, dict),
        "cloud": (CloudBridgeNode, lambda: {"listen": endpoint}),
    }
    node_class, parameters = classes[request.param]
    return make_node(node_class, **parameters())


def entities(node):
    return [
        sorted(str(type(one)) for one in group)
        for group in (node.publishers, node.subscriptions, node.timers, node.services)
    ]


def test_node_can_be_brought_up_and_taken_down_twice_and_leaves_nothing_behind(node):
    before = entities(node)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    for _ in range(2):
        assert node.trigger_configure() is SUCCESS
        configured = entities(node)
        assert node.trigger_activate() is SUCCESS
        for _ in range(10):
            executor.spin_once(timeout_sec=0.02)
        assert node.trigger_deactivate() is SUCCESS
        assert entities(node) == configured
        assert node.trigger_cleanup() is SUCCESS
        assert entities(node) == before
    executor.shutdown()


def test_node_can_be_shut_down_while_active(node):
    assert node.trigger_configure() is SUCCESS
    assert node.trigger_activate() is SUCCESS
    assert node.trigger_shutdown() is SUCCESS


def test_camera_loops_over_a_video_file(make_node, graph, clip, wait_until):
    node = make_node(CameraNode, source=str(clip), image_rate_hz=50.0)
    images = []
    qos.create_subscription(graph.node, qos.IMAGE, images.append)
    assert node.trigger_configure() is SUCCESS
    assert node.trigger_activate() is SUCCESS
    wait_until(lambda: len(images) > 6, "more images than the file has")
    assert {image.data[0] // 90 for image in images} == {0, 1, 2}
