# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""How a node's process ends: by a signal on whatever thread, by a bad value, by a defect."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.ros]

PROGRAM = """
import os, signal, sys, threading, time
from roboecc_core.errors import ConfigError
from roboecc_ros.lifecycle import ManagedNode
from roboecc_ros.runner import run_node

class Sample(ManagedNode):
    def __init__(self):
        super().__init__("sample")
        {made}
    def start(self):
        self.thread = threading.Thread(target=self.act, daemon=True)
        self.thread.start()
    def act(self):
        {act}
    def cleanup(self):
        print("cleaned up", flush=True)

sys.exit(run_node(Sample))
"""


def run(act: str, made: str = "pass") -> subprocess.CompletedProcess[str]:
    code = PROGRAM.format(act=act, made=made)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=30.0, check=False)


def test_signal_to_the_process_ends_it_with_0_and_cleans_up(domain_id):
    result = run("self.trigger_configure(); os.kill(os.getpid(), signal.SIGINT)")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "cleaned up\n"


def test_signal_that_another_thread_receives_ends_it_too(domain_id):
    # The kernel may choose any thread, while the main thread sleeps.
    result = run("time.sleep(0.3); signal.pthread_kill(threading.get_ident(), signal.SIGTERM)")
    assert result.returncode == 0, result.stderr


def test_second_signal_changes_nothing(domain_id):
    result = run("[os.kill(os.getpid(), signal.SIGINT) for _ in range(3)]")
    assert result.returncode == 0, result.stderr


def test_bad_value_of_a_worker_ends_it_with_1_in_one_line(domain_id):
    result = run("self.fail(ConfigError('no such\\nmodel'))")
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert "no such model" in line


def test_bad_value_of_the_constructor_ends_it_with_1_in_one_line(domain_id):
    result = run("pass", made="raise ConfigError('no such robot')")
    assert (result.returncode, result.stderr) == (1, "no such robot\n")


@pytest.mark.parametrize(
    ("act", "made"),
    [("self.fail(ValueError('broken'))", "pass"), ("pass", "raise ValueError('broken')")],
)
def test_defect_ends_it_with_2_and_a_traceback(domain_id, act, made):
    result = run(act, made)
    assert result.returncode == 2
    assert "ValueError: broken" in result.stderr


def test_exception_in_a_callback_ends_it_with_2(domain_id):
    result = run("pass", made="self.create_timer(0.01, lambda: 1 / 0)")
    assert result.returncode == 2
    assert "ZeroDivisionError" in result.stderr


def test_process_whose_supervisor_is_gone_does_not_start(domain_id, monkeypatch):
    monkeypatch.setenv("ROBOECC_SUPERVISOR_PID", "1")
    assert run("os.kill(os.getpid(), signal.SIGINT)").returncode == 1
