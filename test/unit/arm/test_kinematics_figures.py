# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Figures that the README states: agreement with piper_sdk, and how often a pose is reached."""

import math

import numpy as np
from piper_sdk.kinematics.piper_fk import C_PiperForwardKinematics

from roboecc_core.arm import piper
from roboecc_core.arm.kinematics import PiperKinematics
from roboecc_core.arm.safety import Limits

LOWER, UPPER = np.array(piper.JOINT_LOWER_RAD), np.array(piper.JOINT_UPPER_RAD)
KINEMATICS = PiperKinematics()
LIMITS = Limits()


def rotation_from_degrees(roll, pitch, yaw):
    (cr, sr), (cp, sp), (cy, sy) = (
        (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
        for angle in (roll, pitch, yaw)
    )
    about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def test_flange_equals_piper_sdk_to_a_micrometre_over_1000_random_poses():
    sdk = C_PiperForwardKinematics(dh_is_offset=1)
    rng = np.random.default_rng(0)
    worst_m = worst_turn = 0.0
    for joints in rng.uniform(LOWER, UPPER, (1000, 6)):
        x, y, z, *angles = sdk.CalFK(joints.tolist())[-1]
        flange = KINEMATICS.flange(joints)
        offset = flange.translation - np.array([x, y, z]) / 1000
        worst_m = max(worst_m, float(np.abs(offset).max()))
        if abs(math.cos(math.radians(angles[1]))) > 1e-2:  # the SDK cuts off near pitch 90 deg
            turn = rotation_from_degrees(*angles) - flange.rotation
            worst_turn = max(worst_turn, float(np.abs(turn).max()))
    assert worst_m < 1e-6
    assert worst_turn < 1e-6


def reachable_poses(count):
    rng = np.random.default_rng(2)
    while count:
        joints = rng.uniform(LOWER, UPPER)
        if LIMITS.breach_m(*KINEMATICS.tip_and_wrist(joints)) == 0.0:
            yield KINEMATICS.forward(joints)
            count -= 1


def test_solve_anywhere_reaches_99_percent_of_reachable_poses_from_the_ready_pose():
    num_poses, reached = 1000, 0
    for pose in reachable_poses(num_poses):
        solution = KINEMATICS.solve_anywhere(pose, piper.READY_JOINTS_RAD)
        position_m, turn_rad = KINEMATICS.forward(solution.joints).distance_to(pose)
        reached += position_m < 1e-3 and turn_rad < math.radians(1.0)
    assert reached >= 0.99 * num_poses


def test_solve_keeps_the_posture_when_an_exact_solution_is_far():
    rng = np.random.default_rng(3)
    for pose in reachable_poses(200):
        start = rng.uniform(LOWER, UPPER)
        near = KINEMATICS.forward(start).moved_by(rng.uniform(-0.02, 0.02, 6))
        solution = KINEMATICS.solve(near, start)
        assert np.abs(solution.joints - start).max() < 2.0
        assert KINEMATICS.solve_anywhere(pose, start).is_exact
