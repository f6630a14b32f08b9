# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Nothing stale, broken or jumping passes the guard; links are watched by a steady clock."""

import math

import pytest

from roboecc_core.arm import piper
from roboecc_core.arm.arm_controller import JointCommand
from roboecc_core.arm.command_guard import CommandGuard
from roboecc_core.arm.link_watch import Freshness, LinkTrouble

HERE = piper.READY_JOINTS_RAD


def command(joints=HERE, gripper_m=0.03):
    return JointCommand(tuple(joints), gripper_m, "", "action")


def shifted(angle):
    return (HERE[0] + angle, *HERE[1:])


@pytest.fixture
def guard():
    started = CommandGuard()
    started.start_softly()
    return started


def test_nothing_passes_before_a_soft_start_nor_after_an_interruption(guard):
    assert "soft start" in CommandGuard().objection(command(), HERE)
    assert guard.objection(command(), HERE) == ""
    guard.interrupt(is_link=True)
    assert "soft start" in guard.objection(command(), HERE)


def test_only_a_failure_of_the_link_alone_may_end_by_itself(guard):
    guard.interrupt(is_link=True)
    assert guard.may_rearm
    guard.interrupt(is_link=False)
    guard.interrupt(is_link=True)
    assert not guard.may_rearm


def test_the_first_command_has_to_be_where_the_arm_is(guard):
    assert guard.objection(command(shifted(0.06)), HERE) == "first command is not where the arm is"
    guard.passed(command())
    assert guard.objection(command(shifted(0.06)), HERE) == ""


def test_a_jump_is_refused_and_an_arm_that_does_not_follow_ends_it(guard):
    guard.passed(command())
    assert guard.objection(command(shifted(0.4)), HERE) == "command jumps"
    assert guard.is_armed
    assert guard.objection(command(shifted(0.51)), HERE) == "the arm does not follow"
    assert not guard.is_armed


@pytest.mark.parametrize(
    "bad",
    [
        command((math.nan, *HERE[1:])),
        command((math.inf, *HERE[1:])),
        command(HERE[:5]),
        command(gripper_m=math.nan),
        command(gripper_m=0.08),
        command((4.0, *HERE[1:])),
    ],
)
def test_malformed_commands_are_refused(guard, bad):
    assert guard.objection(bad, HERE).startswith("command ")


def test_freshness_needs_a_flow_that_lasts():
    fresh = Freshness(silent_after_s=0.1, settled_after_s=0.25)
    assert fresh.is_silent(0.0)
    assert fresh.age_s(0.0) == math.inf
    fresh.observe(0.0, 0.0)  # no frame yet
    assert fresh.is_silent(0.0)
    for tick in range(1, 31):
        fresh.observe(1000.0 + tick, tick * 0.01)
    assert fresh.is_settled(0.3)
    fresh.observe(1030.0, 0.45)  # the same frame again
    assert fresh.is_silent(0.45)
    fresh.observe(5.0, 0.46)  # the wall clock went back: still a new frame
    assert not fresh.is_silent(0.46)
    assert not fresh.is_settled(0.46)


def test_link_trouble_waits_longer_after_every_try_and_asks_once():
    trouble = LinkTrouble(1.0)
    assert not trouble.is_probe_due()
    trouble.note(is_well=False, now_s=10.0)
    assert [trouble.is_probe_due() for _ in range(3)] == [True, False, False]
    assert not trouble.is_reopening_due(10.9)
    assert trouble.is_reopening_due(11.0)
    trouble.reopened(11.0)
    assert not trouble.is_reopening_due(12.9)
    assert trouble.is_reopening_due(13.0)
    for _ in range(5):
        trouble.reopened(20.0)
    assert trouble.is_reopening_due(25.0)
    trouble.note(is_well=True, now_s=26.0)
    assert not trouble.is_reopening_due(99.0)
    trouble.mended()
    trouble.note(is_well=False, now_s=100.0)
    assert trouble.is_reopening_due(101.0)
