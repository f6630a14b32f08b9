# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The outlet's decisions over a bus that is only a record, in time that the test passes.

What the real piper_sdk makes of them is tested across processes in test/integration.
"""

import dataclasses

import pytest

from roboecc_core.arm import piper
from roboecc_core.arm.arm_controller import JointCommand
from roboecc_core.arm.can_frames import MILLIDEGREES_PER_RAD
from roboecc_core.arm.outlet import ArmState
from roboecc_core.arm.piper_can import PiperCan
from roboecc_core.arm.piper_can_config import PiperCanConfig
from roboecc_core.arm.piper_codes import ArmStatus, ControlMode
from roboecc_core.arm.piper_status import Report
from roboecc_core.errors import ArmError, ConfigError

JOINTS = tuple(round(q * MILLIDEGREES_PER_RAD) for q in piper.READY_JOINTS_RAD)
OFF, ON = (0,) * 6, (0x40,) * 6
HERE = JointCommand(tuple(q / MILLIDEGREES_PER_RAD for q in JOINTS), 0.03, "", "action")


class RecordedBus:
    """Keeps what it was told; time passes where somebody sleeps, and feedback with it."""

    def __init__(self):
        self.now_s, self.is_open, self.takes_frames, self.is_flowing = 50.0, False, True, True
        self.sent, self.on_enable = [], lambda: None
        self.now = Report(
            joints=JOINTS, joints_stamp=0.0, joints_hz=200.0, speeds=(0,) * 6, opening=30_000,
            gripper_stamp=1.0, gripper_flags=0xC0, driver_flags=OFF, mode=ControlMode.STANDBY,
            status=ArmStatus.NORMAL, error_code=0, firmware="S-V1.8-2",
        )  # fmt: skip

    def sleep(self, seconds):
        self.now_s += seconds

    def becomes(self, **changes):
        self.now = dataclasses.replace(self.now, **changes)

    def report(self):
        if self.is_flowing:
            self.becomes(joints_stamp=1e9 - self.now_s)  # a wall clock that runs backwards
        return self.now

    def open(self):
        self.is_open = True

    def close(self):
        self.is_open = False

    def is_off(self):
        return not self.takes_frames

    def aim(self, joints_rad, *, speed_percent, gripper, clears_gripper=False):
        if self.takes_frames:
            self.sent.append((joints_rad, gripper))
            self.becomes(mode=ControlMode.CAN)
        return self.takes_frames

    def enable_drives(self):
        self.becomes(driver_flags=ON)
        self.on_enable()

    def disable_drives(self):
        self.becomes(driver_flags=OFF)

    def stop(self):
        self.becomes(status=ArmStatus.EMERGENCY_STOP)

    def resume(self):
        self.becomes(status=ArmStatus.NORMAL, driver_flags=OFF, mode=ControlMode.STANDBY)

    def ask_firmware(self):
        pass


@pytest.fixture
def bus():
    return RecordedBus()


@pytest.fixture
def outlet(bus):
    made = PiperCan(PiperCanConfig(), clock=lambda: bus.now_s, sleep=bus.sleep, bus=bus)
    made.connect()
    return made


def pass_time(bus, outlet, seconds):
    for _ in range(round(seconds / 0.02)):
        bus.sleep(0.02)
        outlet.recover()


def test_connect_sends_nothing_and_enable_sends_only_where_the_arm_is(bus, outlet):
    assert bus.sent == []
    outlet.enable()
    assert {joints for joints, _ in bus.sent} == {HERE.joints}
    assert [gripper for _, gripper in bus.sent if gripper] == [(0.03, 1.0)]
    assert outlet.send(HERE) == ""


def test_emergency_stop_during_enable_wins(bus, outlet):
    bus.on_enable = outlet.emergency_stop
    with pytest.raises(ArmError):
        outlet.enable()
    assert outlet.health().state is ArmState.STOPPED
    assert outlet.send(HERE) != ""


def test_disable_during_enable_wins_although_the_drives_still_report_power(bus, outlet):
    bus.on_enable = outlet.disable
    with pytest.raises(ArmError, match="stopped, disabled or closed meanwhile"):
        outlet.enable()


def test_recover_starts_softly_after_silence_but_not_after_a_stop(bus, outlet):
    outlet.enable()
    bus.is_flowing = False
    pass_time(bus, outlet, 0.5)
    assert outlet.health().state is ArmState.SILENT
    bus.is_flowing = True
    pass_time(bus, outlet, 0.5)
    assert outlet.health().soft_starts == 2
    bus.stop()
    pass_time(bus, outlet, 0.1)
    bus.resume()
    bus.enable_drives()  # by somebody else
    bus.becomes(mode=ControlMode.CAN)
    pass_time(bus, outlet, 1.0)
    assert outlet.health().soft_starts == 2
    assert outlet.send(HERE) == "interrupted; waits for a soft start"


def test_a_bus_that_takes_no_frame_is_lost_and_opened_anew(bus, outlet):
    outlet.enable()
    bus.takes_frames = False
    assert outlet.send(HERE) == "the bus did not take the command"
    assert outlet.health().state is ArmState.LOST
    bus.takes_frames = True
    pass_time(bus, outlet, 2.0)
    assert outlet.health().num_reopened == 1
    assert outlet.send(HERE) == ""


def test_connect_closes_again_when_the_arm_is_silent(bus):
    bus.is_flowing = False
    silent = PiperCan(PiperCanConfig(), clock=lambda: bus.now_s, sleep=bus.sleep, bus=bus)
    with pytest.raises(ArmError, match="no feedback from the arm on can0 in 8 s"):
        silent.connect()
    assert not bus.is_open


@pytest.mark.parametrize("wrong", [{"speed_percent": 0}, {"gripper_torque_nm": 6.0}])
def test_config_refuses_what_the_arm_does_not_take(wrong):
    with pytest.raises(ConfigError, match="expected"):
        PiperCanConfig(**wrong)
