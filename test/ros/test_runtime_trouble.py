# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong while running ends nothing: the node stays active, says so, and recovers.

The test itself is the camera; cloud and arm are real processes.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState

from roboecc_ros import conversions, qos
from roboecc_ros.bringup import BringupArguments, robot_nodes
from roboecc_ros.processes import process_of
from roboecc_ros.supervisor import Supervisor

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(180)]
ROBOECC = Path(sys.executable).with_name("roboecc")


@pytest.fixture
def robot(tmp_path, witness_factory, free_port):
    """A robot without a cloud and without a camera, its supervisor and its witness."""
    arguments = BringupArguments(
        sim=False,
        outlet="sim",
        cloud=f"tcp/127.0.0.1:{free_port}",
        robot="robot",
        threads=1,
        spans="embed:n",
        step_timeout_s=0.5,
        arm_log=str(tmp_path / "arm.jsonl"),
    )
    witness = witness_factory()
    processes = [process_of(spec, tmp_path) for spec in robot_nodes(arguments)]
    with Supervisor(processes, tmp_path, lambda _line: None) as supervisor:
        yield dataclasses.replace(arguments), supervisor, witness


class Camera:
    """Publishes what the test wants, ten times a second, and joint states of a resting arm."""

    def __init__(self, witness) -> None:
        self.encoding = "rgb8"
        self.is_silent = False
        node = witness.node
        self._node = node
        self._images = qos.create_publisher(node.create_publisher, qos.IMAGE)
        self._states = qos.create_publisher(node.create_publisher, qos.JOINT_STATES)
        self._pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        node.create_timer(0.1, self._publish)

    def _publish(self) -> None:
        now = self._node.get_clock().now().to_msg()
        names = [*(f"joint{i}" for i in range(1, 7)), "gripper"]
        positions = [0.0, 1.4, -1.0, 0.0, 1.1, 0.0, 0.05]
        self._states.publish(conversions.joint_state_to_msg(names, positions, [0.0] * 7, now))
        if not self.is_silent:
            image = conversions.image_to_msg(self._pixels, now)
            image.encoding = self.encoding
            self._images.publish(image)


def state_of(witness, node: str) -> int:
    client = witness.node.create_client(GetState, f"/{node}/get_state")
    witness.wait_for(client.service_is_ready, 10.0, f"{node}'s services")
    future = client.call_async(GetState.Request())
    witness.wait_for(future.done, 10.0, f"{node}'s state")
    return future.result().current_state.id


def test_trouble_at_run_time_is_told_and_survived(robot, tmp_path):
    arguments, _supervisor, witness = robot
    camera = Camera(witness)
    seen = 0

    def troubles(word: str, node: str = "") -> bool:
        lines = witness.observer.troubles
        return any(word in line and line.startswith(node) for line in lines)

    def is_stepping() -> bool:
        return witness.observer.num_steps > seen

    # the cloud is not there at the start
    witness.wait_for(lambda: troubles("unreachable", "edge_segment"), 90.0, "words on the cloud")
    assert state_of(witness, "edge_segment") == State.PRIMARY_STATE_ACTIVE
    assert witness.observer.num_steps == 0

    serve = subprocess.Popen(
        [
            str(ROBOECC),
            "serve",
            "--listen",
            arguments.cloud,
            "--robots",
            "robot",
            "--threads",
            "1",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        witness.wait_for(is_stepping, 60.0, "steps when the cloud has come")
        witness.wait_for(
            lambda: not troubles("unreachable", "edge_segment"), 10.0, "no more words on the cloud"
        )

        # the camera is silent for more than two seconds
        camera.is_silent = True
        silent_since_s = time.monotonic()
        witness.wait_for(lambda: troubles("no image"), 10.0, "words on the camera")
        assert time.monotonic() - silent_since_s >= 1.5
        witness.wait_for(lambda: troubles("holding"), 10.0, "the arm holds")
        camera.is_silent, seen = False, witness.observer.num_steps
        witness.wait_for(is_stepping, 10.0, "steps when images have come again")

        # images of an encoding that is no picture
        camera.encoding = "16UC1"
        witness.wait_for(lambda: troubles("16UC1"), 10.0, "words on the encoding")
        camera.encoding, seen = "rgb8", witness.observer.num_steps
        witness.wait_for(is_stepping, 10.0, "steps when images are right again")
        witness.wait_for(lambda: not troubles("16UC1"), 10.0, "no more words on the encoding")
        for node in ("edge_segment", "piper_arm", "split_manager", "network_monitor"):
            assert state_of(witness, node) == State.PRIMARY_STATE_ACTIVE
    finally:
        serve.terminate()
        serve.wait(20)
