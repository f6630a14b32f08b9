# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Waiting ends: with success at once, without it at the deadline."""

import pytest

from roboecc_core.arm.patience import Patience


class ManualTime:
    def __init__(self):
        self.now_s = 10.0

    def sleep(self, seconds):
        self.now_s += seconds


@pytest.fixture
def time():
    return ManualTime()


def patience(time):
    return Patience(lambda: time.now_s, time.sleep)


def test_until_returns_at_once_without_asking_when_it_is_done(time):
    asked = []
    assert patience(time).until(lambda: True, 1.0, lambda: asked.append(1))
    assert (time.now_s, asked) == (10.0, [])


def test_until_gives_up_at_the_deadline_and_asks_ten_times_a_second(time):
    asked = []
    assert not patience(time).until(lambda: False, 1.0, lambda: asked.append(time.now_s))
    assert time.now_s == pytest.approx(11.0, abs=0.021)
    assert 8 <= len(asked) <= 11


def test_until_sees_what_comes_true_meanwhile(time):
    assert patience(time).until(lambda: time.now_s > 10.3, 1.0)
    assert time.now_s < 10.35
