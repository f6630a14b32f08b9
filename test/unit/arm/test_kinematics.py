# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Forward kinematics against published numbers, inverse kinematics against forward."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboecc_core.arm import piper
from roboecc_core.arm.kinematics import PiperKinematics, Pose

LOWER, UPPER = np.array(piper.JOINT_LOWER_RAD), np.array(piper.JOINT_UPPER_RAD)
SHARES = st.tuples(*[st.floats(0.0, 1.0)] * 6)
KINEMATICS = PiperKinematics()


def joints_from(shares):
    return LOWER + np.array(shares) * (UPPER - LOWER)


def test_flange_matches_published_home_pose_when_joints_are_zero():
    flange = KINEMATICS.flange(piper.REST_JOINTS_RAD)
    np.testing.assert_allclose(flange.translation * 1000, [56.128, 0.0, 213.266], atol=1e-3)
    pitch = math.asin(-flange.rotation[2, 0])
    assert math.degrees(pitch) == pytest.approx(85.0, abs=1e-9)


def test_forward_points_tool_down_above_the_table_at_the_ready_pose():
    tip = KINEMATICS.forward(piper.READY_JOINTS_RAD)
    np.testing.assert_allclose(tip.translation, [0.25, 0.0, 0.10], atol=3e-4)
    np.testing.assert_allclose(tip.rotation, np.diag([-1.0, 1.0, -1.0]), atol=1e-6)
    assert KINEMATICS.smallest_singular_value(piper.READY_JOINTS_RAD) > 0.16


@given(SHARES)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_forward_equals_the_product_of_dh_placements(shares):
    joints = joints_from(shares)
    product = np.eye(4)
    for row, angle in zip(piper.DH_TABLE, joints, strict=True):
        turn = np.eye(4)
        turn[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        product = product @ row.placement() @ turn
    tip = KINEMATICS.forward(joints)
    np.testing.assert_allclose(tip.rotation, product[:3, :3], atol=1e-12)
    expected = product[:3, 3] + piper.FLANGE_TO_TIP_M * product[:3, 2]
    np.testing.assert_allclose(tip.translation, expected, atol=1e-12)


@given(SHARES, st.tuples(*[st.floats(-0.2, 0.2)] * 6))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_solve_returns_to_a_reachable_pose_from_near_it(shares, offset):
    wanted = KINEMATICS.forward(joints_from(shares))
    start = np.clip(joints_from(shares) + offset, LOWER, UPPER)
    solution = KINEMATICS.solve(wanted, start)
    position_m, turn_rad = KINEMATICS.forward(solution.joints).distance_to(wanted)
    assert position_m == pytest.approx(solution.position_error_m, abs=1e-9)
    if KINEMATICS.smallest_singular_value(joints_from(shares)) > 0.02:
        assert solution.is_exact
    assert position_m < 2e-3
    assert turn_rad < 0.1


@given(SHARES, st.tuples(*[st.floats(-2.0, 2.0)] * 6))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_solve_stays_inside_the_limits_whatever_the_target(shares, action):
    start = joints_from(shares)
    solution = KINEMATICS.solve(KINEMATICS.forward(start).moved_by(action), start)
    assert np.isfinite(solution.joints).all()
    assert np.all(solution.joints >= LOWER)
    assert np.all(solution.joints <= UPPER)


def test_solve_leaves_the_singular_rest_pose():
    ready = KINEMATICS.forward(piper.READY_JOINTS_RAD)
    assert KINEMATICS.solve(ready, piper.REST_JOINTS_RAD).is_exact
    rest = KINEMATICS.forward(piper.REST_JOINTS_RAD)
    for push in ([0.02, 0, 0], [0, 0.02, 0], [0, 0, 0.02]):
        solution = KINEMATICS.solve(rest.moved_by([*push, 0, 0, 0]), piper.REST_JOINTS_RAD)
        assert solution.position_error_m < 2e-3


def test_solve_gives_up_orientation_before_position_when_joint5_ends():
    above = Pose(np.array([0.25, 0.0, 0.25]), np.diag([-1.0, 1.0, -1.0]))
    loose = KINEMATICS.solve(above, piper.READY_JOINTS_RAD)
    strict = PiperKinematics(orientation_weight_m=1.0).solve(above, piper.READY_JOINTS_RAD)
    assert loose.position_error_m < 2e-3 < strict.position_error_m
    assert strict.orientation_error_rad < loose.orientation_error_rad


def test_moved_by_composes_rotations_about_the_base_axes():
    pose = Pose(np.zeros(3), np.eye(3))
    quarter = math.pi / 2
    moved = pose.moved_by([0.1, 0, 0, 0, 0, quarter]).moved_by([0, 0, 0.2, quarter, 0, 0])
    np.testing.assert_allclose(moved.translation, [0.1, 0.0, 0.2])
    np.testing.assert_allclose(moved.rotation, [[0, -1, 0], [0, 0, -1], [1, 0, 0]], atol=1e-12)


def test_moved_by_there_and_back_is_no_motion_at_pitch_90_deg():
    gimbal = Pose(np.ones(3), np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]))
    action = np.array([0.01, -0.02, 0.03, 0.2, -0.1, 0.3])
    distance_m, turn_rad = gimbal.moved_by(action).moved_by(-action).distance_to(gimbal)
    assert distance_m < 1e-12
    assert turn_rad < 1e-7


def test_pose_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        KINEMATICS.forward(piper.READY_JOINTS_RAD).translation[0] = 1.0
