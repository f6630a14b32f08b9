# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc serve` as a user runs it: a process of its own, reached over TCP."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from roboecc_core.backends.catalog import open_model
from roboecc_core.backends.policy import Deployment, EdgePolicy
from roboecc_core.cli.output import schema
from roboecc_core.data_plane.edge_session import EdgeSession
from roboecc_core.data_plane.transport.zenoh import ZenohTransport
from roboecc_core.errors import PeerError
from roboecc_core.types import CloudSpan

pytestmark = pytest.mark.torch
ROBOECC = Path(sys.executable).with_name("roboecc")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def serve():
    """Start `roboecc serve` with options; stopped by SIGINT at the end, and must end well."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> tuple[str, subprocess.Popen[str]]:
        endpoint = f"tcp/127.0.0.1:{free_port()}"
        process = subprocess.Popen(
            [str(ROBOECC), "serve", "--listen", endpoint, "--threads", "1", "--json", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        jsonschema.validate(ready, schema("serve"))
        return endpoint, process

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors


def policy(endpoint: str, seed: int = 0) -> EdgePolicy:
    opened = open_model("nano", seed=seed, device="cpu")
    segment = opened.load(range(opened.model.chain.num_layers))
    session = EdgeSession(segment, ZenohTransport(endpoint, "robot"), model_id=opened.model_id)
    return EdgePolicy(opened.model, session, action_period_s=0.1, valid_for_s=0.5)


def test_serve_gives_the_robots_own_actions_for_any_span(serve):
    endpoint, _ = serve()
    robot = policy(endpoint)
    num_layers = robot.model.chain.num_layers
    image = np.random.default_rng(1).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    spans = [
        CloudSpan(0, 0),
        CloudSpan(0, num_layers),
        CloudSpan(45, num_layers),
        CloudSpan(10, 60),
    ]
    steps = [
        robot.step(image, "pick up the mango", Deployment(s, "raw", 20.0), capture_age_s=0.01)
        for s in spans
    ]
    robot.session.close()
    assert len({step.tokens for step in steps}) == 1
    assert [step.timing.round_trips for step in steps] == [0, 1, 1, 7]


def test_serve_refuses_another_model_naming_both(serve):
    endpoint, _ = serve("--seed", "1")
    robot = policy(endpoint)
    with pytest.raises(PeerError) as refused:
        robot.session.hello()
    robot.session.close()
    assert refused.value.code == "MODEL_MISMATCH"
    for seed in (0, 1):
        assert open_model("nano", seed=seed).manifest.model_id in str(refused.value)


def test_serve_says_in_one_line_that_the_port_is_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        endpoint = f"tcp/127.0.0.1:{taken.getsockname()[1]}"
        result = subprocess.run(
            [str(ROBOECC), "serve", "--listen", endpoint],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr.strip().count("\n") == 0, result.stderr
    assert endpoint in result.stderr
