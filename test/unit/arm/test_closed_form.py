# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The closed form against forward kinematics: every solution fits, and none is missed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboecc_core.arm import closed_form, piper
from roboecc_core.arm.kinematics import PiperKinematics, Pose

LOWER, UPPER = np.array(piper.JOINT_LOWER_RAD), np.array(piper.JOINT_UPPER_RAD)
SHARES = st.tuples(*[st.floats(0.0, 1.0)] * 6)
KINEMATICS = PiperKinematics()


def solutions(pose, near):
    return [np.array(s) for s in closed_form.solutions(pose.translation, pose.rotation, near)]


@given(SHARES)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_solutions_all_reach_the_pose_within_the_limits(shares):
    joints = LOWER + np.array(shares) * (UPPER - LOWER)
    pose = KINEMATICS.forward(joints)
    for solution in solutions(pose, joints):
        assert np.all(solution >= LOWER)
        assert np.all(solution <= UPPER)
        position_m, turn_rad = KINEMATICS.forward(solution).distance_to(pose)
        assert position_m < 1e-7
        assert turn_rad < 1e-6


def test_solutions_contain_the_joints_that_the_pose_came_from():
    rng = np.random.default_rng(1)
    for joints in rng.uniform(LOWER, UPPER, (500, 6)):
        found = solutions(KINEMATICS.forward(joints), joints)
        assert min(np.abs(solution - joints).max() for solution in found) < 1e-5


def test_solutions_keep_joint4_when_joint4_and_joint6_turn_about_one_axis():
    joints = np.array([0.2, 1.2, -1.0, 0.4, 0.0, -0.3])
    found = solutions(KINEMATICS.forward(joints), joints)
    assert min(np.abs(solution - joints).max() for solution in found) < 1e-6


@pytest.mark.parametrize("place", [(2.0, 0.0, 0.2), (0.0, 0.0, 0.125)])
def test_solutions_are_none_when_the_place_is_out_of_reach(place):
    pose = Pose(np.array(place), np.diag([-1.0, 1.0, -1.0]))
    assert solutions(pose, np.array(piper.READY_JOINTS_RAD)) == []
