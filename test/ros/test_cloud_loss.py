# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The cloud dies in mid-run: the arm holds in time, the robot stays up, and all comes back.

Judged from the arm's log of what it sent and the policy's chunks, never from the gate's own
counters. Clocks may be compared here: all processes are on one host, on CLOCK_MONOTONIC.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from pathlib import Path

import pytest

from roboecc_ros.bringup import BringupArguments, NodeSpec, robot_nodes
from roboecc_ros.processes import process_of
from roboecc_ros.supervisor import Supervisor

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(240)]

CONTROL_PERIOD_S = 0.01
# The arm's thread may be late by this much on two busy cores; a command that is sent later than
# this after its validity ended is stale whatever the reason.
JITTER_S = 0.02
START_TIMEOUT_S = 120.0


def arm_log(path: Path) -> list[dict]:
    """Whole lines only: the arm may be writing the last one."""
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def stale_commands(ticks: list[dict], chunks: dict) -> list[dict]:
    """Commands that act on a chunk that was no longer valid, by the policy's own account."""
    return [
        tick
        for tick in ticks
        if tick["mode"] == "action"
        and tick["step"] in chunks
        and tick["t"] > chunks[tick["step"]].valid_until_s + JITTER_S
    ]


def moved_rad(ticks: list[dict]) -> float:
    """Largest change of any joint over some ticks."""
    joints = [tick["joints"] for tick in ticks]
    return max(
        (max(abs(a - b) for a, b in zip(j, joints[0], strict=True)) for j in joints), default=0
    )


@pytest.fixture
def robot(tmp_path, witness_factory, free_port):
    """What starts a whole robot, its arm's log, and a witness."""
    log = tmp_path / "arm.jsonl"
    arguments = BringupArguments(
        port=free_port, threads=1, arm_log=str(log), spans="embed:n", step_timeout_s=0.5
    )

    def start(**environment: str) -> tuple[Supervisor, NodeSpec]:
        nodes = [
            dataclasses.replace(n, environment=environment) if n.name == "piper_arm" else n
            for n in robot_nodes(arguments)
        ]
        processes = [process_of(node, tmp_path) for node in nodes]
        cloud = next(node for node in nodes if node.side == "cloud")
        return Supervisor(processes, tmp_path, lambda _line: None), cloud

    return start, log, witness_factory()


def kill_cloud(supervisor: Supervisor, cloud: NodeSpec) -> float:
    os.kill(supervisor.pid(cloud.name), signal.SIGKILL)
    return time.monotonic()


def is_holding_after(log: Path, killed_s: float) -> bool:
    ticks = arm_log(log)
    return bool(ticks) and ticks[-1]["mode"] == "hold" and ticks[-1]["t"] > killed_s


def test_arm_holds_in_time_when_the_cloud_is_killed_and_goes_on_when_it_returns(robot, tmp_path):
    start, log, witness = robot
    supervisor, cloud = start()
    with supervisor:
        observer = witness.observer
        witness.wait_for(
            lambda: len(observer.record(10**6).applied) >= 20,
            START_TIMEOUT_S,
            "actions",
        )
        killed_s = kill_cloud(supervisor, cloud)
        witness.wait_for(lambda: is_holding_after(log, killed_s), 10.0, "the arm holds")
        witness.wait_for(
            lambda: any("cloud" in words for words in observer.troubles),
            10.0,
            "diagnostics name the cloud",
        )
        last_chunk = max(witness.chunks.values(), key=lambda chunk: chunk.step)
        must_hold_s = last_chunk.valid_until_s + CONTROL_PERIOD_S + JITTER_S
        witness.wait_for(
            lambda: arm_log(log)[-1]["t"] > must_hold_s + 50 * CONTROL_PERIOD_S,
            10.0,
            "half a second in which the arm must hold",
        )
        ticks = arm_log(log)
        held_s = ticks[-1]["t"]
        assert not stale_commands(ticks, witness.chunks)
        after = [tick for tick in ticks if tick["t"] > must_hold_s]
        assert all(tick["mode"] == "hold" for tick in after)
        assert moved_rad(after) == 0.0, "the arm moved while it held"

        revived = process_of(cloud, tmp_path / "revived")
        with Supervisor([revived], tmp_path / "revived", lambda _line: None):
            witness.wait_for(
                lambda: any(
                    t["mode"] == "action" and t["t"] > held_s for t in arm_log(log)[-200:]
                ),
                START_TIMEOUT_S,
                "actions again",
            )
            ticks = arm_log(log)
            assert not stale_commands(ticks, witness.chunks)
            steps = [t["step"] for t in ticks if t["mode"] == "action"]
            assert steps == sorted(steps), "an older step's action came after a newer one's"
        codes = supervisor.exit_codes
    assert all(code is None for name, code in codes.items() if name != cloud.name)


def test_the_judge_notices_stale_commands_when_the_gate_is_off(robot):
    start, log, witness = robot
    supervisor, cloud = start(ROBOECC_TEST_GATE_OFF="1")
    with supervisor:
        observer = witness.observer
        witness.wait_for(lambda: observer.num_steps >= 10, START_TIMEOUT_S, "steps")
        kill_cloud(supervisor, cloud)
        witness.wait_for(
            lambda: bool(stale_commands(arm_log(log), witness.chunks)),
            20.0,
            "the judge sees stale commands",
        )
