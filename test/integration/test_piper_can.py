# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The real, unmodified piper_sdk drives the fake arm in another process, and both fail well."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time

import numpy as np
import pytest

from roboecc_core.arm import piper
from roboecc_core.arm.arm_controller import JointCommand
from roboecc_core.arm.fake_adapter import tell
from roboecc_core.arm.outlet import ArmState
from roboecc_core.arm.piper_can import PiperCan
from roboecc_core.arm.piper_can_config import PiperCanConfig
from roboecc_core.errors import ArmError

PERIOD_S = 0.005
READY = piper.READY_JOINTS_RAD


class Fake:
    """A fake arm in a process of its own, and what is really going on in it."""

    def __init__(self, *options):
        verb = [sys.executable, "-m", "roboecc_core.cli.main", "fake-piper"]
        # Half the frames of a real arm: python-can reads slcan byte by byte, and where tests
        # share a core, feedback would queue up and be late.
        command = [*verb, "--port", "0", "--feedback-hz", "100", "--json", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.port, self.channel = ready["port"], ready["channel"]

    def tell(self, words):
        return tell("127.0.0.1", self.port, words)

    def state(self):
        return self.tell("state")

    def close(self):
        self.process.terminate()
        self.process.wait(5)
        self.process.stdout.close()


def until(is_true, *, outlet=None, deadline_s=5.0):
    """Wait for another process; the only sleep, because that process has a clock of its own."""
    end_s = time.monotonic() + deadline_s
    while not is_true():
        assert time.monotonic() < end_s, "not in time"
        if outlet is not None:
            outlet.recover()
        time.sleep(0.01)


def config(fake, **changes):
    deadlines = {"connect_deadline_s": 3.0, "enable_deadline_s": 1.5, "reopen_after_s": 0.3}
    return PiperCanConfig(fake.channel, "slcan", **(deadlines | changes))


def command(joints, gripper_m=0.03):
    return JointCommand(tuple(joints), gripper_m, "", "action")


def drive(outlet, joints, *, speed=0.5, count=40):
    """Send `count` commands that turn joint1 at `speed`; return the last joints asked for."""
    for step in range(1, count + 1):
        wanted = (joints[0] + step * speed * PERIOD_S, *joints[1:])
        assert outlet.send(command(wanted)) == ""
        time.sleep(PERIOD_S)
    return wanted


@pytest.fixture
def fake():
    started = Fake("--pose", "ready")
    yield started
    started.close()


@pytest.fixture
def outlet(fake):
    connected = PiperCan(config(fake))
    connected.connect()
    yield connected
    connected.close()


@pytest.fixture
def enabled(outlet):
    outlet.enable()
    return outlet


def test_connect_reads_the_arm_and_commands_nothing(fake, outlet):
    health = outlet.health()
    assert (health.state, health.firmware, health.errors) == (ArmState.DISABLED, "S-V1.8-2", ())
    np.testing.assert_allclose(outlet.feedback().joints, READY, atol=1e-4)
    assert not any(fake.state()["enabled"])
    assert outlet.send(command(READY)) == health.text


def test_enable_holds_the_arm_where_it_is_and_leaves_the_gripper(fake, outlet):
    fake.tell("mark")
    feedback = outlet.enable()
    state = fake.state()
    assert all(state["enabled"])
    assert state["since_mark"]["largest_jump_rad"] < 0.02
    assert state["since_mark"]["least_gripper_m"] == pytest.approx(0.03, abs=1e-5)
    np.testing.assert_allclose(state["joints"], feedback.joints, atol=0.02)
    assert outlet.health().state is ArmState.ENABLED
    outlet.enable()  # again is harmless
    assert outlet.health().soft_starts == 2


def test_send_200_commands_and_read_them_back(fake, enabled):
    start = enabled.feedback().joints
    fake.tell("mark")
    for step in range(1, 201):
        angle = 0.002 * step
        wanted = (start[0] + angle, start[1] - angle, start[2] + angle, *start[3:])
        assert enabled.send(command(wanted, 0.03 + 1e-4 * step)) == ""
        time.sleep(PERIOD_S)
    until(lambda: abs(enabled.feedback().gripper_m - 0.05) < 2e-5)
    until(lambda: max(map(abs, enabled.feedback().speeds)) == 0.0)
    np.testing.assert_allclose(enabled.feedback().joints, wanted, atol=1e-3)
    marked = fake.state()["since_mark"]
    assert (marked["targets"], marked["ignored"]) == (600, 0)
    assert marked["largest_jump_rad"] < 0.05
    assert enabled.health().num_sent == 200


def test_feedback_silent_stops_commands_and_recovers_without_a_jump(fake, enabled):
    last = drive(enabled, enabled.feedback().joints)
    fake.tell("fault silence")
    until(lambda: enabled.health().state is ArmState.SILENT, deadline_s=1.0)
    assert enabled.feedback() is None
    fake.tell("mark")
    assert "no feedback" in enabled.send(command(last))
    assert fake.state()["since_mark"]["targets"] == 0
    fake.tell("fault none")
    until(lambda: enabled.health().state is ArmState.ENABLED)
    assert enabled.send(command(last)) == "interrupted; waits for a soft start"
    until(lambda: enabled.health().soft_starts == 2, outlet=enabled)
    assert "not where the arm is" in enabled.send(command((last[0] + 0.3, *last[1:])))
    drive(enabled, enabled.feedback().joints, count=5)
    assert fake.state()["since_mark"]["largest_jump_rad"] < 0.05


def test_bus_off_is_told_apart_and_ends_with_the_bus_opened_anew(fake, enabled):
    last = drive(enabled, enabled.feedback().joints, count=5)
    fake.tell("fault bus_off")
    until(lambda: enabled.health().state is ArmState.LOST, outlet=enabled, deadline_s=1.0)
    assert "off the bus" in enabled.send(command(last))
    until(lambda: enabled.health().soft_starts == 2, outlet=enabled)
    assert enabled.health().num_reopened == 1
    fake.tell("mark")
    drive(enabled, enabled.feedback().joints, count=5)
    assert fake.state()["since_mark"]["largest_jump_rad"] < 0.05


def test_unplugged_adapter_is_opened_anew_when_it_is_back(fake, enabled):
    fake.tell("fault unplug")
    until(lambda: enabled.health().state is ArmState.LOST, outlet=enabled)
    assert enabled.send(command(READY)) != ""
    fake.tell("fault none")
    until(lambda: enabled.health().soft_starts == 2, outlet=enabled, deadline_s=15.0)
    drive(enabled, enabled.feedback().joints, count=5)


@pytest.mark.parametrize(
    ("fault", "named"), [("enable_timeout", "joint1"), ("stuck_drive=3", "joint3")]
)
def test_enable_time_out_names_the_drives_and_leaves_none_on(fake, outlet, fault, named):
    fake.tell(f"fault {fault}")
    with pytest.raises(ArmError, match=f"not enabled in 1.5 s: {named}"):
        outlet.enable()
    until(lambda: not any(fake.state()["enabled"]))
    assert outlet.send(command(outlet.feedback().joints)) != ""


def test_teach_mode_refuses_commands_until_a_person_enables_again(fake, enabled):
    joints = drive(enabled, enabled.feedback().joints, count=5)
    fake.tell("fault teach")
    until(lambda: enabled.health().state is ArmState.TEACHING)
    assert "teach mode" in enabled.send(command(joints))
    with pytest.raises(ArmError, match="teach mode: end it with the arm's button"):
        enabled.enable()
    fake.tell("fault none")
    until(lambda: enabled.health().state is ArmState.ENABLED)
    enabled.recover()
    assert enabled.send(command(joints)) == "interrupted; waits for a soft start"
    drive(enabled, enabled.enable().joints, count=5)


def test_emergency_stop_while_moving_stops_at_once_and_resumes_only_step_by_step(fake, enabled):
    last = drive(enabled, enabled.feedback().joints, speed=0.8)
    enabled.emergency_stop()
    fake.tell("mark")
    until(lambda: max(map(abs, fake.state()["speeds"])) < 0.03, deadline_s=0.5)
    assert "emergency stop" in enabled.send(command(last))
    enabled.recover()
    with pytest.raises(ArmError, match="hold the arm, it sinks; then resume and enable"):
        enabled.enable()
    assert fake.state()["since_mark"]["targets"] == 0
    enabled.resume()
    assert enabled.health().state is ArmState.DISABLED
    feedback = enabled.enable()  # the fake, as the arm, ignores the first enable command
    drive(enabled, feedback.joints, count=5)
    assert fake.state()["since_mark"]["largest_jump_rad"] < 0.05


def test_power_loss_never_enables_by_itself_and_starts_from_where_the_arm_sank(fake, enabled):
    last = drive(enabled, enabled.feedback().joints, count=5)
    fake.tell("fault power_loss")
    until(lambda: enabled.health().state in {ArmState.SILENT, ArmState.LOST}, outlet=enabled)
    sunk_rad = math.radians(5.0)
    until(lambda: last[1] - fake.state()["joints"][1] > sunk_rad, outlet=enabled)
    fake.tell("fault none")
    fake.tell("mark")
    until(lambda: enabled.health().state is ArmState.DISABLED, outlet=enabled)
    for _ in range(5):
        enabled.recover()
    assert not any(fake.state()["enabled"])
    assert enabled.send(command(last)) != ""
    feedback = enabled.enable()
    assert last[1] - feedback.joints[1] > sunk_rad
    assert "not where the arm is" in enabled.send(command(last))
    drive(enabled, feedback.joints, count=5)
    assert fake.state()["since_mark"]["largest_jump_rad"] < 0.05


def test_faults_of_the_arm_are_said_in_words_and_stop_commands(fake, enabled):
    joints = enabled.feedback().joints
    for fault in ("status=collision", "error=4", "driver=3:2"):
        fake.tell(f"fault {fault}")
    until(lambda: "joint3 driver overcurrent" in enabled.health().errors)
    health = enabled.health()
    assert health.state is ArmState.FAULT
    assert "joint4 does not communicate" in health.errors
    assert "joint3 driver overcurrent" in enabled.send(command(joints))


def test_disable_takes_the_power_and_close_leaves_it(fake, enabled):
    enabled.disable()
    assert not any(fake.state()["enabled"])
    enabled.enable()
    enabled.close()
    assert all(fake.state()["enabled"])
    assert enabled.health().state is ArmState.CLOSED
    assert enabled.feedback() is None
    with pytest.raises(ArmError, match="not open"):
        enabled.emergency_stop()


def test_connect_again_believes_nothing_from_before(fake, enabled):
    drive(enabled, enabled.feedback().joints)
    enabled.close()
    again = PiperCan(config(fake))
    again.connect()
    np.testing.assert_allclose(again.feedback().joints, fake.state()["joints"], atol=1e-3)
    assert again.send(command(READY)) == "interrupted; waits for a soft start"
    again.close()


def test_connect_says_what_to_do_when_there_is_no_adapter_and_when_the_arm_is_off(fake):
    nobody = PiperCan(PiperCanConfig("socket://127.0.0.1:1", "slcan"))
    with pytest.raises(ArmError, match="is the adapter plugged in"):
        nobody.connect()
    fake.tell("fault power_loss")
    off = PiperCan(config(fake, connect_deadline_s=0.5))
    with pytest.raises(ArmError, match=r"no feedback from the arm .* in 0.5 s; is it powered"):
        off.connect()
    assert off.health().state is ArmState.CLOSED


def test_connect_names_the_command_that_brings_the_interface_up():
    with pytest.raises(ArmError, match="sudo ip link set can77 up type can bitrate 1000000"):
        PiperCan(PiperCanConfig("can77", "socketcan")).connect()
