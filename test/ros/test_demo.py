# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc demo` as a user runs it, watched from a second ROS process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from rosbags.highlevel import AnyReader

from roboecc_core.cli.output import schema
from roboecc_ros.bag import RUN_TOPICS, type_name, typestore

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(180)]
ROBOECC = Path(sys.executable).with_name("roboecc")
STEPS = 40


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(out, witness_factory):
    """The demo's document, and what a second process saw of its topics while it ran."""
    witness = witness_factory()
    process = subprocess.Popen(
        [str(ROBOECC), "demo", "--steps", str(STEPS), "--json", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    witness.wait_for(lambda: witness.observer.num_steps >= 10, 120.0, "steps of the demo")
    topics = witness.topics()
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    return json.loads(stdout), topics, witness.observer


def test_demo_prints_one_document_that_keeps_the_contract(demo):
    document, _, _ = demo
    jsonschema.validate(document, schema("demo"))
    assert document["steps"] == STEPS
    assert document["processes"] >= 7
    assert document["rmw"] == "rmw_fastrtps_cpp"
    assert document["actions_applied"] > STEPS // 2
    assert document["bytes_up"] > 16 * 1024, "activations crossed"
    assert document["success"] is None, "random weights have no skill to judge"


def test_a_second_process_lists_and_reads_the_topics_while_the_demo_runs(demo):
    _, topics, observer = demo
    for topic in RUN_TOPICS:
        name = topic.name if topic.name.startswith("/") else f"/{topic.name}"
        assert topics.get(name) == [type_name(topic.message)], name
    assert observer.num_steps >= 10
    first, last = observer.images()
    assert first.shape == last.shape == (224, 224, 3)


def test_demo_leaves_a_bag_that_rosbags_reads_and_that_holds_every_step(demo):
    document, _, _ = demo
    with AnyReader([Path(document["bag"])], default_typestore=typestore()) as reader:
        counts = {c.topic: c.msgcount for c in reader.connections}
        steps = [
            reader.deserialize(raw, connection.msgtype).step
            for connection, _, raw in reader.messages()
            if connection.topic == "/step_timing"
        ]
    assert len(steps) >= STEPS
    assert steps == sorted(steps)
    for topic in ("/image", "/action_chunk", "/arm_command", "/joint_states", "/split_decision"):
        assert counts[topic] > 0, topic


def test_demo_leaves_a_report_with_both_frames_and_the_plots(demo):
    document, _, _ = demo
    html = Path(document["report"]).read_text()
    assert html.count("data:image/png;base64,") == 4
    assert "random weights" in html


def test_demo_leaves_no_process_behind(demo, out):
    assert demo
    listing = subprocess.run(["ps", "axo", "args"], capture_output=True, text=True, check=True)
    assert str(out) not in listing.stdout
