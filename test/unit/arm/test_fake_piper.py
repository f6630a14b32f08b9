# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The fake arm alone, in its own time: states, motion, faults."""

import struct

import numpy as np
import pytest

from roboecc_core.arm import can_frames, piper
from roboecc_core.arm.can_frames import MILLIDEGREES_PER_RAD, CanFrame
from roboecc_core.arm.fake_faults import FAULTS
from roboecc_core.arm.fake_piper import FEEDBACK_HZ, FakePiper
from roboecc_core.errors import ConfigError

ENABLE = CanFrame(0x471, bytes([7, 2, 0, 0, 0, 0, 0, 0]))
CAN_MODE = CanFrame(0x151, bytes([1, 1, 100, 0, 0, 0, 0, 0]))
STOP = CanFrame(0x150, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
RESUME = CanFrame(0x150, bytes([2, 0, 0, 0, 0, 0, 0, 0]))


def targets(joints):
    return can_frames.pairs(can_frames.JOINT_TARGETS, np.array(joints) * MILLIDEGREES_PER_RAD)


def run(arm, seconds):
    for _ in range(round(seconds * FEEDBACK_HZ)):
        arm.step(1 / FEEDBACK_HZ)


@pytest.fixture
def arm():
    powered = FakePiper(piper.READY_JOINTS_RAD)
    for frame in (CAN_MODE, ENABLE):
        powered.receive(frame)
    return powered


def test_feedback_is_3040_frames_a_second(arm):
    frames = [frame for _ in range(FEEDBACK_HZ) for frame in arm.feedback()]
    assert len(frames) == 3040
    assert {f.can_id for f in frames} == {
        0x2A1, *range(0x2A2, 0x2A9), *range(0x251, 0x257), *range(0x261, 0x267),
    }  # fmt: skip


def test_enabled_arm_goes_to_its_targets_no_faster_than_set(arm):
    goal = np.add(piper.READY_JOINTS_RAD, [0.5, -0.2, 0.1, 0.3, -0.3, 0.4])
    for frame in targets(goal):
        arm.receive(frame)
    fastest = 0.0
    for _ in range(2 * FEEDBACK_HZ):
        arm.step(1 / FEEDBACK_HZ)
        fastest = max(fastest, float(np.abs(arm.motion.speeds).max()))
    np.testing.assert_allclose(arm.motion.joints, goal, atol=1e-4)
    assert fastest <= piper.MAX_JOINT_SPEED_RAD_PER_S
    assert arm.state()["since_mark"]["largest_jump_rad"] == pytest.approx(0.5, abs=1e-4)


def test_targets_are_ignored_when_disabled_and_when_not_in_can_mode():
    arm = FakePiper(piper.READY_JOINTS_RAD)
    for before in ((), (ENABLE,)):
        for frame in (*before, *targets([1.0] * 6)):
            arm.receive(frame)
    assert arm.state()["since_mark"]["targets"] == 0
    assert arm.state()["since_mark"]["ignored"] == 6


def test_target_outside_the_limits_is_cut_and_reported(arm):
    for frame in targets([3.0, 1.0, -1.0, 0.0, 0.0, 0.0])[:1]:
        arm.receive(frame)
    assert arm.state()["status"] == "target_out_of_limits"
    run(arm, 3.0)
    assert arm.motion.joints[0] == pytest.approx(piper.JOINT_UPPER_RAD[0], abs=1e-4)


def test_stop_ends_motion_and_resume_takes_the_power(arm):
    for frame in targets(np.zeros(6)):
        arm.receive(frame)
    run(arm, 0.3)
    arm.receive(STOP)
    assert arm.state()["status"] == "emergency_stop"
    run(arm, 0.3)
    assert np.abs(arm.motion.speeds).max() < 0.03
    arm.receive(RESUME)
    assert (arm.state()["status"], arm.state()["mode"]) == ("normal", "standby")
    assert not arm.motion.is_enabled.any()
    arm.receive(ENABLE)
    assert not arm.motion.is_enabled.any()  # piper_sdk's demo: enable twice after a stop
    arm.receive(ENABLE)
    assert arm.motion.is_enabled.all()


def test_disabled_arm_sinks_to_rest_once_it_was_enabled(arm):
    propped = FakePiper(piper.READY_JOINTS_RAD)
    run(propped, 1.0)
    np.testing.assert_array_equal(propped.motion.joints, piper.READY_JOINTS_RAD)
    run(arm, 0.1)
    arm.receive(CanFrame(0x471, bytes([7, 1, 0, 0, 0, 0, 0, 0])))
    run(arm, 6.0)
    np.testing.assert_allclose(arm.motion.joints, piper.REST_JOINTS_RAD, atol=1e-6)


def test_gripper_moves_only_when_enabled(arm):
    closing = struct.pack(">iHBB", 0, 1000, 0, 0)
    arm.receive(CanFrame(0x159, closing))
    run(arm, 0.5)
    assert arm.motion.gripper_m == 0.03
    arm.receive(CanFrame(0x159, struct.pack(">iHBB", 0, 1000, 1, 0)))
    run(arm, 0.5)
    assert arm.motion.gripper_m == 0.0


@pytest.mark.parametrize("can_id", [0x150, 0x151, 0x155, 0x159, 0x471, 0x472, 0x4AF, 0x7FF])
def test_short_and_unknown_frames_are_ignored(arm, can_id):
    assert arm.receive(CanFrame(can_id, b"\x01")) == []


@pytest.mark.parametrize("motor", [0, 1, 6, 7])
def test_motor_queries_are_answered_for_motors_that_exist(arm, motor):
    for what, answer in ((1, 0x473), (2, 0x47C)):
        replies = arm.receive(CanFrame(0x472, bytes([motor, what, 0, 0, 0, 0, 0, 0])))
        assert [reply.can_id for reply in replies] == ([answer] if 1 <= motor <= 6 else [])


def test_power_loss_silences_and_disables(arm):
    arm.inject("power_loss")
    assert arm.feedback() == []
    assert arm.receive(ENABLE) == []
    arm.inject("none")
    assert arm.feedback() != []
    assert not arm.motion.is_enabled.any()


def test_every_fault_of_the_table_can_be_injected_and_ended(arm):
    for name in FAULTS:
        example = name.replace("=J:BIT", "=3:2").replace("=JOINT", "=2").replace("=J", "=1")
        arm.inject(example.replace("=NAME", "=collision"))
    arm.inject("none")
    assert arm.state()["faults"] == []
    assert arm.state()["status"] == "normal"


@pytest.mark.parametrize(
    "fault", ["", "nonsense", "stuck_drive=7", "driver=1", "driver=1:9", "status=x", "silence=1"]
)
def test_a_fault_that_does_not_exist_is_refused_with_the_list(arm, fault):
    with pytest.raises(ConfigError, match=r"no fault is called .* expected one of none, silence"):
        arm.inject(fault)
