# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboecc_core.control_plane.network_monitor import (
    RTT_WINDOW_S,
    NetworkEstimate,
    NetworkMonitor,
)
from roboecc_core.types import Exchange

UPLINK, DOWNLINK, RTT_S = 2e6, 8e6, 0.010  # bytes/s, bytes/s, s


def exchange(bytes_up, bytes_down, ended_s, extra_s=0.0):
    """Return what an ideal link of the constants above would show."""
    network_s = RTT_S + bytes_up / UPLINK + bytes_down / DOWNLINK + extra_s
    return Exchange(bytes_up, bytes_down, network_s, ended_s)


@pytest.fixture
def monitor():
    return NetworkMonitor()


def test_estimate_knows_nothing_before_any_exchange(monitor):
    assert monitor.estimate(5.0) == NetworkEstimate(None, None, None)


def test_rtt_is_the_minimum_of_small_exchanges_within_the_window(monitor):
    for ended_s, extra_s in ((1.0, 0.004), (2.0, 0.0), (3.0, 0.009)):
        monitor.update(exchange(0, 0, ended_s, extra_s))
    assert monitor.estimate(3.5).rtt.value == pytest.approx(RTT_S)
    assert monitor.estimate(3.5).rtt.age_s == 0.5
    monitor.update(exchange(0, 0, 2.5 + RTT_WINDOW_S, 0.007))
    assert monitor.estimate(20.0).rtt.value == pytest.approx(RTT_S + 0.007)


def test_each_direction_is_measured_by_its_own_transfers(monitor):
    monitor.update(exchange(0, 0, 1.0))
    monitor.update(exchange(150_000, 100, 2.0))
    monitor.update(exchange(200, 90_000, 4.0))
    estimate = monitor.estimate(5.0)
    assert estimate.uplink.value == pytest.approx(UPLINK, rel=0.01)
    assert estimate.uplink.age_s == 3.0
    assert estimate.downlink.value == pytest.approx(DOWNLINK, rel=0.01)
    assert estimate.downlink.age_s == 1.0


@pytest.mark.parametrize(
    ("bytes_up", "bytes_down"), [(5_000, 100), (15_000, 0), (50_000, 10_000), (20_000, 20_000)]
)
def test_middling_and_mixed_exchanges_tell_nothing(monitor, bytes_up, bytes_down):
    monitor.update(exchange(bytes_up, bytes_down, 1.0))
    assert monitor.estimate(1.0) == NetworkEstimate(None, None, None)
    assert monitor.num_ignored == 0


def test_bandwidth_is_too_low_rather_than_unknown_before_the_first_round_trip(monitor):
    monitor.update(exchange(100_000, 0, 1.0))
    assert monitor.estimate(1.0).uplink.value == pytest.approx(100_000 / 0.060)


def test_transfer_hidden_in_the_round_trip_gives_a_lower_bound(monitor):
    monitor.update(exchange(0, 0, 1.0, extra_s=0.040))
    monitor.update(Exchange(32_768, 0, 0.049, 2.0))  # even faster than the known RTT
    assert monitor.estimate(2.0).uplink.value == pytest.approx(32_768 / 0.005)


NONSENSE = [
    Exchange(20_000, 0, 0.0, 5.0),
    Exchange(20_000, 0, -0.1, 5.0),
    Exchange(20_000, 0, 1e-300, 5.0),
    Exchange(20_000, 0, math.nan, 5.0),
    Exchange(20_000, 0, math.inf, 5.0),
    Exchange(20_000, 0, 0.1, math.nan),
    Exchange(20_000, 0, 0.1, 0.5),
    Exchange(-20_000, 0, 0.1, 5.0),
]


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_counted_and_changes_nothing(monitor, nonsense):
    monitor.update(exchange(0, 0, 1.0))
    monitor.update(exchange(50_000, 0, 1.0))
    before = monitor.estimate(9.0)
    monitor.update(nonsense)
    assert monitor.estimate(9.0) == before
    assert monitor.num_ignored == 1


def test_monitor_follows_a_clock_that_stepped_back(monitor):
    monitor.update(exchange(0, 0, 1e6))
    monitor.update(exchange(0, 0, 1.0, extra_s=0.005))
    monitor.update(exchange(0, 0, 2.0, extra_s=0.005))
    assert monitor.estimate(2.5).rtt.value == pytest.approx(RTT_S + 0.005)
    assert monitor.estimate(2.5).rtt.age_s == 0.5
    assert monitor.num_ignored == 1


def test_age_is_never_negative(monitor):
    monitor.update(exchange(0, 0, 4.0))
    assert monitor.estimate(3.0).rtt.age_s == 0.0


anything = st.builds(
    Exchange,
    bytes_up=st.integers(-10, 10**7),
    bytes_down=st.integers(-10, 10**7),
    network_s=st.floats(),
    ended_s=st.floats(),
)


@given(exchanges=st.lists(anything, max_size=30))
def test_estimates_are_positive_numbers_for_any_exchanges(exchanges):
    monitor = NetworkMonitor()
    for one in exchanges:
        monitor.update(one)
    estimate = monitor.estimate(1.0)
    for held in (estimate.rtt, estimate.uplink, estimate.downlink):
        assert held is None or (0.0 < held.value < math.inf and held.age_s >= 0.0)
