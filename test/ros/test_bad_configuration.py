# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What a user typed wrong ends in one clear line: a refused transition or exit code 1."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from lifecycle_msgs.msg import Transition

from roboecc_core.backends.nano import nano_checkpoint

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]
CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE
ROBOECC = Path(sys.executable).with_name("roboecc")


def assert_one_line(node, *words: str) -> None:
    assert "Traceback" not in node.text
    assert len(node.errors()) == 1, node.text
    for word in words:
        assert word in node.errors()[0]


@pytest.mark.parametrize(
    ("executable", "parameters", "words"),
    [
        ("camera_node", {"source": "/no/clip.mp4"}, ["/no/clip.mp4", "does not exist"]),
        ("edge_segment_node", {"model": "/no/model"}, ["/no/model", "does not exist"]),
        ("edge_segment_node", {"span": "5:2"}, ["[5, 2)"]),
        ("network_monitor_node", {"cloud.endpoint": "here"}, ["'here'", "tcp/HOST:PORT"]),
        ("split_manager_node", {"spans": "embed"}, ["'embed'", "START:STOP"]),
        ("piper_arm_node", {"outlet": "ur5"}, ["'outlet' is 'ur5'", "sim, piper_ros"]),
        ("sim_node", {"image_rate_hz": 0.0}, ["'image_rate_hz' is 0.0", "0.1 to 120"]),
        ("cloud_bridge_node", {"robots": "a,a"}, ["['a', 'a']"]),
    ],
)
def test_configure_fails_in_one_line_and_the_node_lives_on(
    start_node, graph, executable, parameters, words
):
    node = start_node(executable, **parameters)
    assert graph.change(executable.removesuffix("_node"), CONFIGURE) is False
    assert_one_line(node, *words)
    assert node.process.poll() is None
    assert graph.change(executable.removesuffix("_node"), CONFIGURE) is False
    assert len(node.errors()) == 2, "it says so again"


def test_activate_fails_in_one_line_when_the_port_is_in_use(start_node, graph, free_port):
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", free_port))
        squatter.listen()
        node = start_node("cloud_bridge_node", listen=f"tcp/127.0.0.1:{free_port}")
        assert graph.change("cloud_bridge", CONFIGURE)
        assert graph.change("cloud_bridge", ACTIVATE) is False
        assert_one_line(node, str(free_port), "cannot listen")
    assert graph.change("cloud_bridge", ACTIVATE), "the port is free again"


@pytest.mark.parametrize("executable", ["edge_segment_node", "cloud_bridge_node"])
def test_corrupt_weights_end_the_process_in_one_line(start_node, graph, tmp_path, executable):
    folder = tmp_path / "model"
    shutil.copytree(nano_checkpoint(0), folder)
    weights = folder / "model.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-8:] = b"damaged!"
    weights.write_bytes(damaged)
    node = start_node(executable, model=str(folder))
    assert graph.change(executable.removesuffix("_node"), CONFIGURE)
    assert node.wait() == 1
    assert_one_line(node, str(folder), "differs from its manifest")


def test_two_different_models_end_the_robots_process_naming_both(start_node, graph, free_port):
    endpoint = f"tcp/127.0.0.1:{free_port}"
    cloud = start_node("cloud_bridge_node", listen=endpoint, seed=1)
    edge = start_node("edge_segment_node", **{"cloud.endpoint": endpoint})
    for name in ("cloud_bridge", "edge_segment"):
        assert graph.change(name, CONFIGURE)
        assert graph.change(name, ACTIVATE)
    assert edge.wait() == 1
    fatal = [line for line in edge.errors() if "FATAL" in line]
    assert len(fatal) == 1, edge.text
    assert "the robot has model nano" in fatal[0]
    assert "Traceback" not in edge.text
    assert cloud.process.poll() is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--outlet", "ur5"], "'outlet' is 'ur5'; expected one of auto, sim"),
        (["--cloud", "udp/x"], "'cloud' is 'udp/x'"),
        (["--port", "0"], "'port' is 0; expected an integer from 1 to 65535"),
    ],
)
def test_up_refuses_in_one_line_before_it_starts_anything(tmp_path, options, words):
    command = [str(ROBOECC), "up", "--logs", str(tmp_path / "logs"), *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert words in line
    assert not (tmp_path / "logs").exists()


def test_up_ends_with_the_reason_when_a_node_refuses(domain_id, tmp_path, free_port):
    options = ["--model", "/no/model", "--cloud", f"tcp/127.0.0.1:{free_port}"]
    command = [str(ROBOECC), "up", "--logs", str(tmp_path), *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    [line] = [line for line in result.stderr.splitlines() if "[FATAL]" in line]
    assert "split_manager cannot configure" in line
    assert "/no/model" in line


def test_transition_that_does_not_fit_the_state_is_refused_and_the_node_lives_on(
    start_node, graph
):
    node = start_node("split_manager_node")
    assert graph.change("split_manager", ACTIVATE) is False
    assert graph.change("split_manager", CONFIGURE)
    assert node.process.poll() is None
    assert "Traceback" not in node.text
