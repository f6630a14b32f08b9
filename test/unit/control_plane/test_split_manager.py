# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboecc_core.control_plane.split_manager import (
    Candidate,
    LinkEstimate,
    SplitManager,
    decide,
    expected_latency_s,
)
from roboecc_core.errors import ConfigError
from roboecc_core.types import CloudSpan

EDGE_ONLY = Candidate(CloudSpan(0, 0), "raw", 0, 0, 0, 0.800)
SPLIT = Candidate(CloudSpan(2, 30), "raw", 400_000, 2_000, 7, 0.150)
PACKED = Candidate(CloudSpan(2, 30), "int8", 100_000, 1_000, 7, 0.170)
CLOUD_ONLY = Candidate(CloudSpan(0, 32), "raw", 150_000, 500, 1, 0.130)
CANDIDATES = (EDGE_ONLY, SPLIT, PACKED, CLOUD_ONLY)
FAST = LinkEstimate(True, rtt_s=0.002, uplink_bytes_per_s=100e6, downlink_bytes_per_s=100e6)
SLOW = LinkEstimate(True, rtt_s=0.050, uplink_bytes_per_s=20e3, downlink_bytes_per_s=1e6)
UNREACHABLE = LinkEstimate(False, rtt_s=0.002, uplink_bytes_per_s=100e6)
UNMEASURED = LinkEstimate(True)


def test_expected_latency_adds_compute_trips_and_both_directions():
    link = LinkEstimate(True, rtt_s=0.01, uplink_bytes_per_s=1e6, downlink_bytes_per_s=2e6)
    assert expected_latency_s(SPLIT, link) == pytest.approx(0.15 + 0.07 + 0.4 + 0.001)
    assert expected_latency_s(EDGE_ONLY, link) == 0.8


def test_unmeasured_direction_is_taken_to_be_like_the_other():
    one_way = LinkEstimate(True, rtt_s=0.01, uplink_bytes_per_s=1e6)
    both = LinkEstimate(True, rtt_s=0.01, uplink_bytes_per_s=1e6, downlink_bytes_per_s=1e6)
    assert expected_latency_s(SPLIT, one_way) == expected_latency_s(SPLIT, both)


def test_outage_costs_forever_and_edge_only_wins():
    outage = LinkEstimate(True, uplink_bytes_per_s=0.0, downlink_bytes_per_s=0.0)
    assert expected_latency_s(SPLIT, outage) == math.inf
    assert decide(CANDIDATES, outage, current=SPLIT).candidate == EDGE_ONLY


def test_decide_takes_the_fastest_and_names_the_runner_up():
    decision = decide(CANDIDATES, FAST)
    assert decision.candidate == CLOUD_ONLY
    assert decision.runner_up == SPLIT
    assert decision.policy == "argmin"
    assert decision.expected_latency_s < decision.runner_up_latency_s
    assert decision.reason == "[0, 32) raw is fastest with 133.5 ms"


def test_decide_speaks_of_crossings_only_while_compute_is_not_known():
    unknown = [dataclasses.replace(one, compute_s=0.0) for one in (SPLIT, CLOUD_ONLY)]
    assert "crosses fastest" in decide(unknown, FAST).reason


def test_decide_moves_to_the_edge_when_the_link_is_slow():
    decision = decide(CANDIDATES, SLOW, current=CLOUD_ONLY)
    assert decision.candidate == EDGE_ONLY
    assert decision.reason == "edge-only takes 800.0 ms, [0, 32) raw 7680.5 ms"


def test_small_gain_does_not_pay_for_a_switch():
    decision = decide(CANDIDATES, FAST, current=SPLIT, hysteresis=0.5)
    assert decision.candidate == SPLIT
    assert decision.runner_up == CLOUD_ONLY
    assert "saves under 50%" in decision.reason
    assert decide(CANDIDATES, FAST, current=SPLIT, hysteresis=0.0).candidate == CLOUD_ONLY


def test_only_edge_only_is_available_without_a_cloud():
    decision = decide(CANDIDATES, UNREACHABLE, current=SPLIT)
    assert decision.candidate == EDGE_ONLY
    assert decision.runner_up is None
    assert math.isnan(decision.runner_up_latency_s)
    assert decision.reason.startswith("the cloud is unreachable; edge-only")
    assert decide([SPLIT, CLOUD_ONLY], UNREACHABLE) is None


def test_nothing_moves_before_the_first_measurement():
    first = decide([SPLIT, EDGE_ONLY], UNMEASURED)
    assert first.candidate == SPLIT
    assert math.isnan(first.expected_latency_s)
    assert first.runner_up == EDGE_ONLY
    assert "listed first" in first.reason
    kept = decide(CANDIDATES, UNMEASURED, current=PACKED)
    assert kept.candidate == PACKED
    assert "is kept" in kept.reason


def test_tie_goes_to_the_one_listed_first():
    twin = Candidate(CloudSpan(5, 6), "raw", 150_000, 500, 1, 0.130)
    assert decide([CLOUD_ONLY, twin], FAST).candidate == CLOUD_ONLY
    assert decide([twin, CLOUD_ONLY], FAST).candidate == twin


positive = st.floats(1.0, 1e10)
links = st.builds(
    LinkEstimate,
    is_reachable=st.booleans(),
    rtt_s=st.none() | st.floats(0.0, 2.0),
    uplink_bytes_per_s=st.none() | positive,
    downlink_bytes_per_s=st.none() | positive,
)


@given(link=links, start=st.sampled_from((None, *CANDIDATES)))
def test_constant_link_gives_no_second_switch(link, start):
    first = decide(CANDIDATES, link, current=start)
    again = decide(CANDIDATES, link, current=first.candidate)
    assert again.candidate == first.candidate


@given(link=links, slower=st.floats(0.01, 1.0))
def test_latency_never_falls_when_bandwidth_does(link, slower):
    up, down = link.uplink_bytes_per_s, link.downlink_bytes_per_s
    slow = LinkEstimate(True, link.rtt_s, up and up * slower, down and down * slower)
    for candidate in CANDIDATES:
        before_s, after_s = (
            expected_latency_s(candidate, link),
            expected_latency_s(candidate, slow),
        )
        assert math.isnan(before_s) or after_s >= before_s


@given(links=st.lists(links, max_size=20))
def test_manager_always_has_a_choice_when_the_robot_holds_all_layers(links):
    manager = SplitManager(CANDIDATES)
    for link in links:
        decision = manager.update(link)
        assert manager.current == decision.candidate
        assert link.is_reachable or decision.candidate == EDGE_ONLY
        assert decision.runner_up != decision.candidate


def test_manager_remembers_what_runs():
    manager = SplitManager(CANDIDATES, hysteresis=0.9)
    assert manager.current is None
    manager.update(SLOW)
    assert manager.current == EDGE_ONLY
    assert manager.update(FAST).candidate == EDGE_ONLY


def test_manager_without_edge_only_has_nothing_when_the_cloud_is_gone():
    manager = SplitManager([SPLIT])
    manager.update(FAST)
    assert manager.update(UNREACHABLE) is None
    assert manager.current is None
    assert manager.update(FAST).candidate == SPLIT


def test_manager_obeys_a_pinned_span_with_its_best_codec():
    manager = SplitManager(CANDIDATES)
    manager.pin(SPLIT.span)
    decision = manager.update(FAST)
    assert decision.candidate == SPLIT
    assert decision.policy == "pinned"
    assert decision.runner_up == CLOUD_ONLY
    assert manager.update(SLOW).candidate == PACKED
    manager.pin(SPLIT.span, "raw")
    assert manager.update(SLOW).candidate == SPLIT
    manager.unpin()
    assert manager.update(SLOW).candidate == EDGE_ONLY


def test_manager_obeys_a_pin_although_the_cloud_is_gone():
    manager = SplitManager(CANDIDATES)
    manager.pin(SPLIT.span, "raw")
    decision = manager.update(UNREACHABLE)
    assert decision.candidate == SPLIT
    assert "the arm holds" in decision.reason


def test_manager_refuses_a_pin_that_is_no_candidate_and_keeps_the_one_before():
    manager = SplitManager(CANDIDATES)
    manager.pin(EDGE_ONLY.span)
    with pytest.raises(ConfigError, match=r"\[1, 2\) with codec any .* edge-only, \[2, 30\) raw"):
        manager.pin(CloudSpan(1, 2))
    with pytest.raises(ConfigError, match="codec zip"):
        manager.pin(SPLIT.span, "zip")
    assert manager.update(FAST).candidate == EDGE_ONLY


@pytest.mark.parametrize(
    ("candidates", "hysteresis"),
    [((), 0.1), ((SPLIT, SPLIT), 0.1), ((SPLIT,), 1.0), ((SPLIT,), -0.1), ((SPLIT,), math.nan)],
)
def test_manager_refuses_impossible_settings(candidates, hysteresis):
    with pytest.raises(ConfigError):
        SplitManager(candidates, hysteresis=hysteresis)
