# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The control tick: what it commands for actions, for none, and for nonsense."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboecc_core.arm import piper
from roboecc_core.arm.arm_controller import ActionInForce, ArmController
from roboecc_core.arm.kinematics import PiperKinematics
from roboecc_core.arm.safety import Limits

KINEMATICS = PiperKinematics()
LIMITS = Limits()
AT_READY = (*piper.READY_JOINTS_RAD, 0.07)
TICK_S = 1 / 30
PERIOD_S = 0.1
STILL = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def action(step, *, change=STILL, index=0, started_s=0.0, period_s=PERIOD_S):
    return ActionInForce(step, index, tuple(change), period_s, started_s)


def tip_of(command):
    return KINEMATICS.forward(command.joints).translation


@pytest.fixture
def controller():
    started = ArmController(KINEMATICS, LIMITS)
    started.tick(0.0, AT_READY, None)
    return started


def test_tick_commands_nothing_until_the_joints_are_known():
    fresh = ArmController(KINEMATICS)
    for measured in (None, [math.nan] * 7, AT_READY[:6]):
        assert fresh.tick(0.0, measured, action(1)) is None
    assert fresh.tick(math.nan, AT_READY, None) is None
    assert fresh.tick(0.1, AT_READY, None).joints == pytest.approx(piper.READY_JOINTS_RAD)


def test_tick_holds_the_measured_joints_when_no_action_came_yet():
    measured = (0.3, 1.2, -0.9, 0.2, 0.5, -0.1, 0.03)
    fresh = ArmController(KINEMATICS)
    for tick in range(5):
        command = fresh.tick(tick * TICK_S, measured, None)
        assert (*command.joints, command.gripper_m) == measured
        assert (command.mode, command.clipped_by) == ("hold", "")


def test_tick_moves_the_tool_by_the_action_over_its_period(controller):
    begin = KINEMATICS.forward(piper.READY_JOINTS_RAD)
    change = (0.01, -0.006, 0.004, 0.0, 0.0, 0.03, 1.0)
    for tick in range(1, 11):
        command = controller.tick(tick * 0.02, None, action(1, change=change, period_s=0.2))
    distance_m, turn_rad = KINEMATICS.forward(command.joints).distance_to(begin.moved_by(change))
    assert distance_m < 1e-4
    assert turn_rad < 2e-3
    assert command.mode == "action"


def test_tick_loses_no_motion_between_actions_when_ticks_miss_their_ends(controller):
    change, num_actions = (0.004, 0.003, 0.0, 0.0, 0.0, 0.0, 1.0), 12
    now_s = 0.0
    while now_s < num_actions * PERIOD_S - 1e-9:
        index = int(now_s / PERIOD_S + 1e-9)
        acting = action(1, change=change, index=index, started_s=index * PERIOD_S)
        command = controller.tick(now_s, None, acting)
        now_s += 0.0313
    moved = tip_of(command) - KINEMATICS.forward(piper.READY_JOINTS_RAD).translation
    missing_s = num_actions * PERIOD_S - (now_s - 0.0313)
    expected = np.array(change[:3]) * (num_actions - missing_s / PERIOD_S)
    np.testing.assert_allclose(moved, expected, atol=3e-4)


def test_tick_meets_the_next_chunk_without_a_step_of_speed(controller):
    tick_s, changes = 0.005, ((0.008, 0, 0, 0, 0, 0, 1), (0.005, 0.002, 0, 0, 0, 0.02, 1))
    joints = []
    for tick in range(1, 41):
        index = (tick - 1) // 20
        acting = action(index, change=changes[index], started_s=index * PERIOD_S)
        joints.append(controller.tick(tick * tick_s, None, acting).joints)
    accelerations = np.diff(np.array(joints), n=2, axis=0) / tick_s**2
    assert np.abs(accelerations).max() <= LIMITS.max_acceleration_rad_per_s2 + 1e-6


def test_tick_starts_a_new_chunk_from_what_was_commanded_when_it_interrupts(controller):
    forward = (0.02, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    controller.tick(0.0, None, action(1, change=forward))
    half = controller.tick(0.05, None, action(1, change=forward))
    after = controller.tick(0.15, None, action(2, started_s=0.051))
    np.testing.assert_allclose(tip_of(after), tip_of(half), atol=1e-4)


def test_tick_really_holds_when_the_action_ends(controller):
    for tick in range(1, 3):
        last = controller.tick(tick * TICK_S, None, action(1, change=(0.02, 0, 0, 0, 0, 0, 0.0)))
    for tick in range(3, 30):
        held = controller.tick(tick * TICK_S, [0.0] * 7, None)
        assert held.joints == last.joints
        assert held.gripper_m == last.gripper_m
        assert held.mode == "hold"


def test_tick_applies_an_action_once_when_it_comes_back_after_a_hold(controller):
    change = (0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    acting = action(1, change=change)
    for now_s, command in ((0.03, acting), (0.06, None), (0.09, acting), (0.3, acting)):
        last = controller.tick(now_s, None, command)
    moved = tip_of(last) - KINEMATICS.forward(piper.READY_JOINTS_RAD).translation
    np.testing.assert_allclose(moved, change[:3], atol=2e-4)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", range(7))
def test_tick_holds_with_a_reason_when_an_action_is_not_finite(controller, place, bad):
    change = [0.01] * 7
    change[place] = bad
    command = controller.tick(TICK_S, None, action(1, change=change))
    assert command.joints == pytest.approx(piper.READY_JOINTS_RAD)
    assert (command.mode, command.clipped_by) == ("hold", "not finite")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (action(1, change=(0.0,) * 6), "action shape"),
        (action(1, started_s=-0.2), "action is over"),
        (action(1, started_s=0.5), "action has not begun"),
        (action(1, period_s=0.0), "action is over"),
        (action(1, period_s=-1.0), "action is over"),
        (action(1, period_s=math.nan), "not finite"),
    ],
)
def test_tick_holds_with_a_reason_when_an_action_cannot_be_executed(controller, command, reason):
    result = controller.tick(TICK_S, None, command)
    assert (result.mode, result.clipped_by) == ("hold", reason)


def test_tick_holds_when_the_clock_is_not_a_number(controller):
    command = controller.tick(math.nan, None, action(1))
    assert (command.mode, command.clipped_by) == ("hold", "not finite")


def test_tick_stops_above_the_table_and_says_so(controller):
    reasons = set()
    for tick in range(90):
        started_s = (tick // 3) * PERIOD_S
        down = action(tick // 3, change=(0, 0, -0.02, 0, 0, 0, 1), started_s=started_s)
        command = controller.tick(tick * TICK_S, None, down)
        reasons.add(command.clipped_by)
    assert tip_of(command)[2] == pytest.approx(0.007, abs=1e-3)
    assert "workspace" in reasons


def test_tick_moves_the_gripper_at_its_speed(controller):
    closing = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    command = controller.tick(0.05, None, action(1, change=closing))
    assert command.gripper_m == pytest.approx(0.07 - 0.05 * LIMITS.max_gripper_speed_m_per_s)
    for tick in range(2, 20):
        command = controller.tick(tick * 0.05, None, action(1, change=closing))
    assert command.gripper_m == 0.0


def test_tick_moves_no_further_than_a_tenth_of_a_second_after_a_pause(controller):
    command = controller.tick(60.0, None, action(1, change=(0.1,) * 7, started_s=59.95))
    way = np.abs(np.array(command.joints) - piper.READY_JOINTS_RAD)
    assert way.max() <= 0.1 * LIMITS.max_speed_rad_per_s + 1e-9


def test_move_ready_leaves_the_rest_pose_within_the_limits_and_then_acts():
    controller = ArmController(KINEMATICS, LIMITS)
    controller.move_ready()
    last = controller.tick(0.0, [0.0] * 7, action(1))
    assert (last.mode, last.joints) == ("ready", (0.0,) * 6)
    for tick in range(1, 120):
        command = controller.tick(tick * TICK_S, None, action(tick, started_s=tick * TICK_S))
        assert_allowed(command, last, dt_s=TICK_S, breach_m=0.0)
        last = command
    assert not controller.is_moving_ready
    assert last.mode == "action"
    np.testing.assert_allclose(last.joints, piper.READY_JOINTS_RAD, atol=3e-3)


def test_move_ready_stops_at_the_workspace_when_the_straight_way_leaves_it():
    controller = ArmController(KINEMATICS, LIMITS)
    folded = (0.0, 2.6, -2.8, 0.0, -1.2, 0.0, 0.0)  # 57 mm outside, on the way to ready
    controller.move_ready()
    last, reasons = controller.tick(0.0, folded, None), set()
    for tick in range(1, 60):
        command = controller.tick(tick * 0.1, None, None)
        assert_allowed(command, last, dt_s=0.1, breach_m=0.0)
        reasons.add(command.clipped_by)
        last = command
    assert "workspace" in reasons
    assert controller.is_moving_ready


def test_tick_moves_the_right_way_after_the_clock_went_back(controller):
    controller.tick(5.0, None, None)
    forward = action(1, change=(0.02, 0, 0, 0, 0, 0, 1))
    for now_s in (0.0, 0.05, 0.1):
        command = controller.tick(now_s, None, forward)
    moved = tip_of(command) - KINEMATICS.forward(piper.READY_JOINTS_RAD).translation
    assert moved[0] > 0.01


def test_restart_starts_again_from_the_measured_joints(controller):
    controller.move_ready()
    controller.restart()
    elsewhere = (0.5, 1.0, -1.0, 0.0, 0.3, 0.0, 0.01)
    assert controller.tick(9.0, None, None) is None
    command = controller.tick(9.1, elsewhere, None)
    assert (*command.joints, command.gripper_m) == elsewhere
    assert command.mode == "hold"


def assert_allowed(command, last, *, dt_s, breach_m):
    """No command is outside a limit; `breach_m` is how far outside the arm may have begun."""
    joints = np.array(command.joints)
    assert np.isfinite([*joints, command.gripper_m]).all()
    assert np.all(joints >= piper.JOINT_LOWER_RAD)
    assert np.all(joints <= piper.JOINT_UPPER_RAD)
    assert 0.0 <= command.gripper_m <= piper.GRIPPER_STROKE_M
    furthest_rad = LIMITS.max_speed_rad_per_s * min(max(dt_s, 0.0), 0.1)
    assert np.abs(joints - last.joints).max() <= furthest_rad + 1e-9
    assert LIMITS.breach_m(*KINEMATICS.tip_and_wrist(joints)) <= breach_m + 1e-6


NUMBERS = st.one_of(st.floats(-0.05, 0.05), st.floats(), st.sampled_from([1e300, -9.0, math.pi]))
COMMANDS = st.one_of(
    st.none(),
    st.builds(
        ActionInForce,
        step=st.integers(0, 3),
        index=st.integers(0, 2),
        action=st.tuples(*[NUMBERS] * 7),
        action_period_s=st.one_of(st.just(PERIOD_S), st.floats()),
        started_s=st.floats(-0.05, 0.6),
    ),
)
GAPS_S = st.one_of(st.just(TICK_S), st.floats(-0.1, 0.2), st.sampled_from([0.0, 5.0]))
START_SHARES = st.tuples(*[st.floats(-0.05, 1.05)] * 6)


@given(START_SHARES, st.lists(st.tuples(GAPS_S, COMMANDS), max_size=12), st.booleans())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_tick_never_leaves_a_limit_whatever_is_asked(shares, ticks, is_ready_first):
    lower, upper = np.array(piper.JOINT_LOWER_RAD), np.array(piper.JOINT_UPPER_RAD)
    measured = [*(lower + np.array(shares) * (upper - lower)), 0.1]
    controller = ArmController(KINEMATICS, LIMITS)
    if is_ready_first:
        controller.move_ready()
    last, now_s = controller.tick(0.0, measured, None), 0.0
    breach_m = LIMITS.breach_m(*KINEMATICS.tip_and_wrist(last.joints))
    for gap_s, command in ticks:
        now_s += gap_s
        result = controller.tick(now_s, measured, command)
        assert_allowed(result, last, dt_s=gap_s, breach_m=breach_m)
        last = result


@given(st.lists(st.tuples(*[st.floats(-0.5, 0.5)] * 7), min_size=5, max_size=25))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_tick_never_leaves_a_limit_during_a_long_wild_run(changes):
    controller = ArmController(KINEMATICS, LIMITS)
    last = controller.tick(0.0, AT_READY, None)
    for tick, change in enumerate(changes * 2, start=1):
        acting = action(tick // 3, change=change, started_s=(tick // 3) * PERIOD_S)
        result = controller.tick(tick * TICK_S, None, acting)
        assert_allowed(result, last, dt_s=TICK_S, breach_m=0.0)
        last = result
