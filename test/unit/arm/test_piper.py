# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The PIPER's facts agree with each other and with what AgileX publishes."""

import math

import numpy as np

from roboecc_core.arm import piper


def test_limits_are_the_published_degrees():
    lower = [round(math.degrees(value)) for value in piper.JOINT_LOWER_RAD]
    upper = [round(math.degrees(value)) for value in piper.JOINT_UPPER_RAD]
    assert lower == [-150, 0, -170, -100, -70, -120]
    assert upper == [150, 180, 0, 100, 70, 120]


def test_ready_and_rest_poses_are_inside_the_limits():
    for joints in (piper.READY_JOINTS_RAD, piper.REST_JOINTS_RAD):
        assert np.all(np.array(joints) >= piper.JOINT_LOWER_RAD)
        assert np.all(np.array(joints) <= piper.JOINT_UPPER_RAD)


def test_dh_row_placement_is_the_product_of_its_four_motions():
    row = piper.DH_TABLE[3]
    cos_a, sin_a = math.cos(row.alpha_rad), math.sin(row.alpha_rad)
    cos_o, sin_o = math.cos(row.offset_rad), math.sin(row.offset_rad)
    rot_x = np.array([[1, 0, 0, 0], [0, cos_a, -sin_a, 0], [0, sin_a, cos_a, 0], [0, 0, 0, 1]])
    rot_z = np.array([[cos_o, -sin_o, 0, 0], [sin_o, cos_o, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    trans_x, trans_z = np.eye(4), np.eye(4)
    trans_x[0, 3], trans_z[2, 3] = row.a_m, row.d_m
    np.testing.assert_allclose(row.placement(), rot_x @ trans_x @ rot_z @ trans_z, atol=1e-15)


def test_every_drawn_colour_exists():
    used = {shape.colour for shapes in piper.LINK_SHAPES.values() for shape in shapes}
    assert used <= set(piper.COLOURS)
