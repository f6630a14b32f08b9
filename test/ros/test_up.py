# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc up` as a user runs it: topics seen from a second process, and a clean Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(180)]
ROBOECC = Path(sys.executable).with_name("roboecc")
NODES = 7
TOPICS = {
    "/action_chunk",
    "/arm_command",
    "/camera_info",
    "/clock",
    "/diagnostics",
    "/image",
    "/joint_command",
    "/joint_states",
    "/network_estimate",
    "/objects",
    "/split_decision",
    "/step_timing",
}


def processes_with(text: str) -> list[int]:
    """Ids of the processes whose command line holds a text; a zombie has none."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if text in command and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


@pytest.fixture
def up(witness_factory, tmp_path, free_port):
    """A running `roboecc up` in a process group of its own, and a witness."""
    witness = witness_factory()
    command = [str(ROBOECC), "up", "--json", "--threads", "1", "--port", str(free_port)]
    with subprocess.Popen(
        [*command, "--logs", str(tmp_path / "up")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process, witness, str(tmp_path / "up")
        if process.poll() is None:
            process.kill()


def test_up_runs_everything_and_ctrl_c_leaves_no_process_behind(up):
    process, witness, logs = up
    witness.wait_for(lambda: witness.observer.num_steps >= 5, 120.0, "steps")
    witness.wait_for(lambda: witness.observer.record(10**6).applied, 10.0, "applied actions")
    assert witness.topics().keys() >= TOPICS
    assert len(processes_with(f"{logs}/")) == NODES
    os.killpg(process.pid, signal.SIGINT)  # what the terminal does on Ctrl-C
    stdout, stderr = process.communicate(timeout=30.0)
    assert process.returncode == 0, stderr
    assert processes_with(logs) == []
    codes = json.loads(stdout)["processes"]
    assert len(codes) == NODES
    assert set(codes.values()) == {0}, f"every node ended by itself: {codes}"
    assert "all nodes are down" in stderr
    for log in Path(logs).glob("*.log"):
        assert "Traceback" not in log.read_text(), log


def test_nodes_end_by_themselves_when_up_is_killed(up):
    process, witness, logs = up
    witness.wait_for(lambda: len(processes_with(f"{logs}/")) == NODES, 60.0, "all processes")
    witness.wait_for(lambda: witness.observer.num_steps >= 1, 120.0, "steps")
    process.kill()
    process.wait()
    witness.wait_for(lambda: processes_with(f"{logs}/") == [], 20.0, "no process is left")


def test_ctrl_c_while_everything_starts_leaves_no_process_behind(up):
    process, witness, logs = up
    witness.wait_for(lambda: len(processes_with(f"{logs}/")) == NODES, 60.0, "all processes")
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60.0)
    assert process.returncode == 0, stderr
    assert processes_with(logs) == []
