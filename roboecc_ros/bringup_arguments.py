# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What the launch files and `roboecc up` take: names, defaults, words and limits."""

from __future__ import annotations

import dataclasses

from roboecc_ros.described import described
from roboecc_ros.outlets import OUTLETS

LOCAL, NO_CLOUD, AUTO = "local", "none", "auto"
DEFAULT_INSTRUCTION = "put the orange mango on the steel plate"


@dataclasses.dataclass(frozen=True, slots=True)
class CloudArguments:
    """What `cloud.launch.py` takes."""

    listen: str = described("tcp/0.0.0.0:7447", "where the robots connect to, tcp/HOST:PORT")
    robots: str = described("robot", "names of the robots that may connect, comma-separated")
    model: str = described("nano", "the VLA: nano, or a checkpoint folder in OpenVLA's layout")
    seed: int = described(0, "of a built-in model's weights", bounds=(0, 2**31 - 1))
    layers: str = described("all", "layers held here: all, or START:STOP,...")
    device: str = described("auto", "auto (CUDA if there is one), cpu, cuda, cuda:1, ...")
    threads: int = described(0, "CPU threads of the model; 0: torch's choice", bounds=(0, 256))
    namespace: str = described("", "of all nodes and topics")


@dataclasses.dataclass(frozen=True, slots=True)
class BringupArguments:
    """What `piper.launch.py` and `roboecc up` take."""

    sim: bool = described(
        default=True, description="simulate arm, camera and table; false: real driver and camera"
    )
    cloud: str = described(LOCAL, "local (started here), none, or tcp/HOST:PORT of a running one")
    port: int = described(7447, "where a local cloud listens", bounds=(1, 65535))
    robot: str = described("robot", "the robot's name, as the cloud knows it")
    model: str = described("nano", "the VLA: nano, or a checkpoint folder in OpenVLA's layout")
    seed: int = described(
        0, "of a built-in model's weights and of the simulation", bounds=(0, 2**31 - 1)
    )
    layers: str = described("all", "layers held by the robot: all, or START:STOP,...")
    span: str = described("embed:n", "layers run in the cloud at first, START:STOP")
    spans: str = described("embed:n,0:n", "spans to choose from; 0:0 allows edge-only")
    instruction: str = described(DEFAULT_INSTRUCTION, "what the robot is to do")
    outlet: str = described(
        AUTO, "the arm's driver; auto: sim or piper_ros", choices=(AUTO, *OUTLETS)
    )
    camera: str = described("", "with sim:=false: video file or device; empty: another node's")
    image_rate_hz: float = described(20.0, "images a second", bounds=(0.1, 120.0))
    action_period_s: float = described(0.1, "how long one action lasts", bounds=(0.01, 2.0))
    valid_for_s: float = described(
        0.5, "how long after the capture actions may be acted on", bounds=(0.05, 10.0)
    )
    step_timeout_s: float = described(2.0, "a step is given up after this", bounds=(0.05, 60.0))
    device: str = described("auto", "of the robot's layers: auto, cpu, cuda, ...")
    threads: int = described(0, "CPU threads of a model; 0: torch's choice", bounds=(0, 256))
    arm_log: str = described("", "file for one JSON line a control period of the arm")
    rviz: bool = described(default=False, description="start RViz and robot_state_publisher")
    namespace: str = described("", "of all nodes and topics")
