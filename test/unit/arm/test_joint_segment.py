# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""One action's motion: ends where it should, never passes its ends, joins its neighbour."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboecc_core.arm.joint_segment import JointSegment


def segment(*, way=0.1, speed=0.0, begin_s=0.0):
    goal, speeds = np.full(6, way), np.full(6, speed)
    return JointSegment((1, 0), begin_s, begin_s + 0.1, np.zeros(6), goal, speeds, 0.07, "")


def test_joints_at_is_the_straight_line_at_constant_speed():
    straight = segment(way=0.1, speed=1.0)
    for share in (0.0, 0.3, 0.7, 1.0):
        np.testing.assert_allclose(straight.joints_at(0.1 * share), 0.1 * share, atol=1e-12)


@given(st.floats(-0.2, 0.2), st.floats(-5.0, 5.0))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_joints_at_never_passes_its_ends_nor_turns_back(way, speed):
    motion = segment(way=way, speed=speed)
    places = [motion.joints_at(now_s)[0] for now_s in np.linspace(-0.01, 0.12, 60)]
    assert (places[0], places[-1]) == (0.0, pytest.approx(way))
    steps = np.diff(places) * np.sign(way)
    assert steps.min(initial=0.0) >= -1e-12


def test_speed_is_continuous_where_two_actions_meet():
    tiny_s = 1e-6
    first = segment(way=0.05, speed=0.0)
    arriving = (first.joints_at(0.1) - first.joints_at(0.1 - tiny_s))[0] / tiny_s
    second = segment(way=0.02, speed=arriving)
    leaving = (second.joints_at(tiny_s) - second.joints_at(0.0))[0] / tiny_s
    assert arriving == pytest.approx(0.5, rel=1e-3)
    assert leaving == pytest.approx(arriving, rel=1e-3)


def test_is_followed_by_an_action_that_starts_at_its_end():
    motion = segment()
    assert motion.is_followed_by(0.1, last_tick_s=0.09)
    assert not motion.is_followed_by(0.1, last_tick_s=0.11)
    assert not motion.is_followed_by(0.12, last_tick_s=0.09)
