# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboecc_core.data_plane.action_gate import ActionGate, GateCounts
from roboecc_core.types import ActionChunk


class ManualClock:
    def __init__(self, now_s=100.0):
        self.now_s = now_s

    def __call__(self):
        return self.now_s


def chunk(step=1, *, horizon=3, period_s=0.1, age_s=0.05, valid_for_s=1.0):
    actions = tuple(
        (float(step), float(index), 0.0, 0.0, 0.0, 0.0, 1.0) for index in range(horizon)
    )
    return ActionChunk(step, actions, period_s, age_s, valid_for_s)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def gate(clock):
    return ActionGate(clock)


def test_current_holds_when_no_chunk_came(gate):
    assert gate.current(0.0) is None
    assert gate.reason == "no chunk yet"


def test_current_walks_through_the_actions_and_then_holds(gate):
    gate.offer(chunk(7))
    times_s = (100.0, 100.09, 100.11, 100.25)
    assert [gate.current(now_s).index for now_s in times_s] == [0, 0, 1, 2]
    gated = gate.current(100.25)
    assert gated.step == 7
    assert gated.action == (7.0, 2.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    assert gated.started_s == pytest.approx(100.2)
    assert gated.period_s == 0.1
    assert gated.captured_s == pytest.approx(99.95)
    assert gated.valid_until_s == pytest.approx(100.95)
    assert gate.reason == ""
    assert gate.current(100.42) is None
    assert gate.reason == "the actions of step 7 ended 0.12 s ago"


def test_current_holds_past_validity_although_actions_remain(gate):
    gate.offer(chunk(2, horizon=30, age_s=0.4, valid_for_s=0.5))
    assert gate.current(100.09).index == 0
    assert gate.current(100.25) is None
    assert gate.reason == "the actions of step 2 expired 0.15 s ago"


def test_newer_step_supersedes_at_once(gate, clock):
    gate.offer(chunk(1))
    clock.now_s = 100.05
    gate.offer(chunk(2))
    gated = gate.current(100.05)
    assert (gated.step, gated.index) == (2, 0)


def test_chunk_that_came_after_the_caller_read_its_clock_starts_at_once(gate):
    gate.offer(chunk())
    assert gate.current(99.999).index == 0


def test_current_holds_when_the_clock_went_back(gate):
    gate.offer(chunk())
    assert gate.current(3.0) is None
    assert "clock went back" in gate.reason


@pytest.mark.parametrize("step", [4, 5])
def test_offer_drops_older_and_repeated_steps(gate, step):
    gate.offer(chunk(5))
    gate.offer(dataclasses.replace(chunk(step), actions=((9.0,) * 7,)))
    assert gate.current(100.0).action[0] == 5.0
    assert gate.counts == GateCounts(accepted=1, out_of_order=1)
    assert gate.drop_reason == f"chunk of step {step} came after step 5"


def test_expired_newer_chunk_does_not_end_the_valid_older_one(gate):
    gate.offer(chunk(1))
    gate.offer(chunk(2, age_s=1.0, valid_for_s=1.0))
    assert gate.current(100.0).step == 1
    assert gate.counts == GateCounts(accepted=1, expired=1)
    assert "1.000 s old on arrival" in gate.drop_reason


MALFORMED = {
    "no action": {"actions": ()},
    "short row": {"actions": ((0.0,) * 6,)},
    "NaN": {"actions": ((math.nan,) * 7,)},
    "infinity": {"actions": ((0.0,) * 7, (math.inf,) * 7)},
    "no period": {"action_period_s": 0.0},
    "NaN period": {"action_period_s": math.nan},
    "tiny period": {"action_period_s": 1e-300},
    "negative age": {"age_s": -0.1},
    "NaN age": {"age_s": math.nan},
    "endless": {"valid_for_s": math.inf},
}


@pytest.mark.parametrize("changes", MALFORMED.values(), ids=MALFORMED.keys())
def test_offer_drops_malformed_chunks(gate, changes):
    gate.offer(dataclasses.replace(chunk(), **changes))
    assert gate.current(100.0) is None
    assert gate.counts == GateCounts(malformed=1)
    assert gate.drop_reason.startswith("chunk of step 1 has ")


def test_reset_lets_a_restarted_policy_begin_anew(gate):
    gate.offer(chunk(500))
    gate.reset()
    assert gate.current(100.0) is None
    assert gate.reason == "no chunk since the reset"
    gate.offer(chunk(1))
    assert gate.current(100.0).step == 1


def test_gate_stands_offers_and_questions_from_two_threads(gate):
    num_steps = 500
    seen = []

    def offer_all():
        for step in range(num_steps):
            gate.offer(chunk(step))

    thread = threading.Thread(target=offer_all)
    thread.start()
    while thread.is_alive():
        if (gated := gate.current(100.0)) is not None:
            seen.append(gated.step)
    thread.join()
    assert seen == sorted(seen)
    assert gate.counts.accepted == num_steps


durations_s = st.floats(0.0, 3.0) | st.sampled_from([math.nan, math.inf, -1.0, 0.0])
chunks = st.builds(
    ActionChunk,
    step=st.integers(0, 12),
    actions=st.lists(
        st.tuples(*[st.floats(-1.0, 1.0) | st.sampled_from([math.nan, 0.5])] * 7), max_size=4
    ).map(tuple),
    action_period_s=st.floats(0.001, 0.5) | durations_s,
    age_s=durations_s,
    valid_for_s=durations_s,
)
events = st.lists(st.tuples(st.floats(0.0, 0.7), st.none() | chunks), max_size=40)


@given(events=events, start_s=st.sampled_from([0.0, 12.5, 1.7e9]))
def test_nothing_stale_or_out_of_order_passes_for_any_offers_and_times(events, start_s):
    clock = ManualClock(start_s)
    gate = ActionGate(clock)
    offered = {}
    last = (-1, -1)
    for elapsed_s, offer in events:
        clock.now_s += elapsed_s
        now_s = clock.now_s
        if offer is not None:
            gate.offer(offer)
            offered.setdefault(offer.step, []).append((offer, now_s))
        gated = gate.current(now_s)
        if gated is None:
            assert gate.reason
            continue
        assert now_s < gated.valid_until_s
        assert gated.started_s <= now_s < gated.started_s + gated.period_s + 1e-6
        assert all(map(math.isfinite, gated.action))
        assert (gated.step, gated.index) >= last
        last = (gated.step, gated.index)
        assert any(
            source.actions[gated.index : gated.index + 1] == (gated.action,)
            and gated.captured_s == received_s - source.age_s
            and gated.valid_until_s == gated.captured_s + source.valid_for_s
            for source, received_s in offered[gated.step]
        )
    assert sum(dataclasses.astuple(gate.counts)) == sum(offer is not None for _, offer in events)
