# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import json
import threading
import time

import pytest

from roboecc_core.arm.arm_controller import ArmController, JointCommand
from roboecc_core.arm.kinematics import PiperKinematics
from roboecc_core.arm.piper import READY_JOINTS_RAD
from roboecc_core.data_plane.action_gate import ActionGate
from roboecc_core.types import ActionChunk
from roboecc_edge.arm_loop import ArmLoop, RepeatingGate

MEASURED = (*READY_JOINTS_RAD, 0.07)
UP = (0.0, 0.0, 0.004, 0.0, 0.0, 0.0, 1.0)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def chunk(step, *actions, age_s=0.1, valid_for_s=0.5):
    return ActionChunk(step, actions, action_period_s=0.1, age_s=age_s, valid_for_s=valid_for_s)


def run(gate, *, ticks, controller=None, log_path="", measured=MEASURED):
    """Run the loop on its own thread until it has sent some ticks; return them."""
    sent, stop = [], threading.Event()

    def send(tick):
        sent.append(tick)
        if len(sent) >= ticks:
            stop.set()

    loop = ArmLoop(gate, controller or ArmController(PiperKinematics()), send, log_path)
    loop.measured_joints = measured
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    if measured is None:
        stop.wait(0.1)
        stop.set()
    thread.join(10.0)
    assert not thread.is_alive()
    return sent, loop


def test_loop_holds_where_the_arm_is_and_says_why_while_no_chunk_has_come():
    sent, loop = run(ActionGate(Clock()), ticks=3)
    assert {tick.command.mode for tick in sent} == {"hold"}
    assert sent[0].command.joints == pytest.approx(READY_JOINTS_RAD)
    assert sent[0].reason == "no chunk yet"
    assert (loop.num_ticks, loop.num_action_ticks) == (3, 0)


def test_loop_sends_nothing_before_a_joint_state():
    sent, loop = run(ActionGate(Clock()), ticks=1, measured=None)
    assert sent == []
    assert loop.last is None


def test_loop_carries_out_what_the_gate_passes_and_logs_it(tmp_path):

    gate = ActionGate(time.monotonic)
    gate.offer(chunk(7, UP, UP, UP, age_s=0.0, valid_for_s=5.0))
    log = tmp_path / "arm.jsonl"
    sent, loop = run(gate, ticks=5, log_path=str(log))
    assert {tick.command.mode for tick in sent} == {"action"}
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [entry["t"] for entry in entries] == [tick.now_s for tick in sent]
    assert {(entry["step"], entry["mode"]) for entry in entries} == {(7, "action")}
    assert all(entry["t"] < entry["valid_until"] for entry in entries)
    assert loop.num_action_ticks == 5


def test_log_goes_on_where_it_was_when_the_loop_runs_again(tmp_path):
    log = tmp_path / "arm.jsonl"
    for _ in range(2):
        run(ActionGate(Clock()), ticks=2, log_path=str(log))
    assert len(log.read_text().splitlines()) == 4


def test_ticks_keep_the_schedule():
    sent, _ = run(ActionGate(Clock()), ticks=30)
    assert sent[-1].now_s - sent[0].now_s == pytest.approx(0.29, abs=0.1)


def test_repeating_gate_repeats_its_last_actions_for_ever_and_tells_how_stale_they_are():
    clock = Clock()
    gate = RepeatingGate(clock)
    assert gate.current(clock.now_s) is None
    gate.offer(chunk(3, UP, UP))
    clock.now_s += 60.05
    action = gate.current(clock.now_s)
    assert (action.step, action.index, action.action) == (3, 600, UP)
    assert action.valid_until_s == pytest.approx(100.4)
    assert action.started_s <= clock.now_s < action.started_s + action.period_s
    gate.reset()
    assert gate.current(clock.now_s) is None


def test_a_controller_that_fails_is_not_hidden():
    class Broken:
        def tick(self, *_arguments):
            raise ArithmeticError("no inverse")

    loop = ArmLoop(ActionGate(Clock()), Broken(), lambda _tick: None, "")
    with pytest.raises(ArithmeticError):
        loop.run(threading.Event())


def test_entries_of_a_hold_name_no_step(tmp_path):
    class Holding:
        def tick(self, *_arguments):
            return JointCommand((0.0,) * 6, 0.0, "", "hold")

    log = tmp_path / "arm.jsonl"
    run(ActionGate(Clock()), ticks=1, controller=Holding(), log_path=str(log))
    entry = json.loads(log.read_text().splitlines()[0])
    assert (entry["mode"], entry["step"], entry["valid_until"]) == ("hold", None, None)
    assert entry["reason"] == "no chunk yet"
