# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The limiter alone: what it lets through, what it cuts, and what it says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboecc_core.arm import piper, safety
from roboecc_core.arm.safety import Limits, Motion
from roboecc_core.errors import ConfigError

LIMITS = Limits()
READY = np.array(piper.READY_JOINTS_RAD)
CRUISING = np.ones(6)  # rad/s, so that acceleration does not bound the next step


def no_breach(_joints):
    return 0.0


def limited(wanted, *, speeds=CRUISING, dt_s=0.05, breach_m=no_breach):
    last = Motion(READY, np.asarray(speeds, dtype=float))
    return safety.limited(wanted, last, dt_s=dt_s, limits=LIMITS, breach_m=breach_m)


def test_limited_lets_an_allowed_step_through_unchanged():
    wanted = READY + 0.01
    result = limited(wanted)
    np.testing.assert_array_equal(result.joints, wanted)
    assert result.reason == ""


def test_limited_keeps_the_direction_when_a_joint_is_too_fast():
    result = limited(READY + np.array([0.2, 0.1, 0, 0, 0, 0]))
    np.testing.assert_allclose(result.joints - READY, [0.05, 0.025, 0, 0, 0, 0], atol=1e-12)
    assert result.reason == safety.JOINT_SPEED


def test_limited_ramps_up_from_rest_but_stops_at_once():
    result = limited(READY + 0.04, speeds=np.zeros(6))
    np.testing.assert_allclose(result.joints - READY, np.full(6, 10.0 * 0.05 * 0.05))
    assert result.reason == safety.JOINT_ACCELERATION
    np.testing.assert_array_equal(limited(READY, speeds=CRUISING).joints, READY)


def test_limited_reverses_no_faster_than_it_starts():
    result = limited(READY - 0.04, speeds=CRUISING)
    np.testing.assert_allclose(result.joints - READY, np.full(6, -10.0 * 0.05 * 0.05))


def test_limited_never_speeds_up_or_jerks_more_than_allowed_at_200_hz():
    last, dt_s, reasons = Motion.at_rest(READY), 0.005, set()
    wanted = READY + np.array([0.3, -0.2, 0.1, 0.0, 0.05, -0.3])
    for _ in range(120):
        result = safety.limited(wanted, last, dt_s=dt_s, limits=LIMITS, breach_m=no_breach)
        moved = last.moved_to(result.joints, dt_s)
        way = np.sign(moved.speeds)
        gained = way * moved.accelerations
        assert gained.max() <= LIMITS.max_acceleration_rad_per_s2 * (1 + 1e-6)
        growth = gained - np.maximum(way * last.accelerations, 0.0)
        assert growth.max() <= LIMITS.max_jerk_rad_per_s3 * dt_s * (1 + 1e-6)
        assert np.abs(moved.speeds).max() <= LIMITS.max_speed_rad_per_s * (1 + 1e-6)
        reasons.add(result.reason)
        last = moved
    np.testing.assert_allclose(last.joints, wanted, atol=1e-9)
    assert {safety.JOINT_JERK, safety.JOINT_ACCELERATION, safety.JOINT_SPEED} <= reasons


def test_limited_stops_at_a_joint_limit():
    wanted = READY.copy()
    wanted[4] = math.radians(75.0)
    for _ in range(3):
        result = limited(wanted, dt_s=0.1)
    assert result.joints[4] == piper.JOINT_UPPER_RAD[4]
    assert result.reason == safety.JOINT_POSITION


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_limited_stays_when_a_number_is_not_finite(bad):
    wanted = READY.copy()
    wanted[2] = bad
    result = limited(wanted)
    np.testing.assert_array_equal(result.joints, READY)
    assert result.reason == safety.NOT_FINITE


def test_limited_stops_short_of_the_workspace_border():
    def breach(joints):
        return max(0.0, joints[0] - 0.01)

    result = limited(READY + np.array([0.04, 0, 0, 0, 0, 0]), breach_m=breach)
    assert 0.0098 < result.joints[0] <= 0.01
    assert result.reason == safety.WORKSPACE


def test_limited_lets_an_arm_outside_the_workspace_come_back_but_not_further_out():
    def breach(joints):
        return max(0.0, joints[0] + 0.5)

    inwards, outwards = READY.copy(), READY.copy()
    inwards[0], outwards[0] = -0.02, 0.02
    np.testing.assert_array_equal(limited(inwards, breach_m=breach).joints, inwards)
    np.testing.assert_allclose(limited(outwards, breach_m=breach).joints, READY, atol=1e-9)


def test_limited_does_not_move_when_no_time_passed():
    np.testing.assert_array_equal(limited(READY + 0.01, dt_s=0.0).joints, READY)


@given(st.tuples(*[st.floats(-1e300, 1e300)] * 7))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_clamped_action_is_short_and_keeps_its_direction(action):
    change, reason = safety.clamped_action(action, LIMITS)
    assert np.linalg.norm(change[:3]) <= LIMITS.max_translation_m * (1 + 1e-12)
    assert np.linalg.norm(change[3:6]) <= LIMITS.max_rotation_rad * (1 + 1e-12)
    assert 0.0 <= change[6] <= 1.0
    assert np.all(np.sign(change[:6]) * np.sign(action[:6]) >= 0)
    assert reason or np.allclose(change, action)


def test_clamped_tip_moves_a_point_to_the_nearest_in_the_workspace():
    tip, reason = safety.clamped_tip(np.array([0.3, 0.4, -1.0]), LIMITS)
    np.testing.assert_allclose(tip, [0.3, 0.4, 0.007])
    assert reason == safety.WORKSPACE
    tip, _ = safety.clamped_tip(np.array([3.0, 4.0, 0.2]), LIMITS)
    np.testing.assert_allclose(tip, [0.3588, 0.4784, 0.2])
    inside = np.array([0.3, 0.1, 0.2])
    np.testing.assert_array_equal(safety.clamped_tip(inside, LIMITS)[0], inside)


def test_breach_measures_tip_and_wrist():
    wrist = np.array([0.2, 0.0, 0.2])
    assert LIMITS.breach_m(np.array([0.3, 0.0, 0.1]), wrist) == 0.0
    assert LIMITS.breach_m(np.array([0.3, 0.0, -0.015]), wrist) == pytest.approx(0.02)
    assert LIMITS.breach_m(np.array([0.7, 0.0, 0.1]), wrist) == pytest.approx(0.1)
    low = np.array([0.2, 0.0, 0.01])
    assert LIMITS.breach_m(np.array([0.3, 0.0, 0.1]), low) == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_speed_rad_per_s", 0.0),
        ("max_speed_rad_per_s", 3.5),
        ("max_speed_rad_per_s", math.nan),
        ("tip_max_z_m", 0.001),
        ("tip_min_radius_m", 0.7),
    ],
)
def test_limits_refuse_a_value_that_cannot_hold(field, value):
    with pytest.raises(ConfigError, match="arm limit"):
        Limits(**{field: value})
