# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The search against brute force, crossings against `plan_step`, budgets, pool, candidates."""

import dataclasses
import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roboecc_core.errors import ConfigError, PlanError
from roboecc_core.planning.assembly import assemble
from roboecc_core.planning.candidates import candidates
from roboecc_core.planning.catalog import describe, known_models, model_chain
from roboecc_core.planning.codecs import CODECS, codecs_named
from roboecc_core.planning.cost_table import GIB, Budgets, Structure, cost_table
from roboecc_core.planning.costs import chain_costs
from roboecc_core.planning.deployment import pareto, plan
from roboecc_core.planning.hardware import device, step_seconds
from roboecc_core.planning.link import PACK_BYTES_PER_S, Link, slow_start_s
from roboecc_core.planning.pareto import pareto_front
from roboecc_core.planning.residency import residency
from roboecc_core.planning.segmentation import (
    Choice,
    best_choice,
    paper_search,
    search,
)
from roboecc_core.planning.structure import plan_step
from roboecc_core.types import CloudSpan

EDGE, CLOUD = device("orin"), device("a100")
LINK = Link.of_mbit_s(208.0, 208.0, rtt_ms=4.8)


@functools.cache
def structure(model: str) -> Structure:
    return Structure.of(model_chain(model))


def spans(num_layers):
    cuts = st.tuples(st.integers(0, num_layers), st.integers(0, num_layers))
    return cuts.map(lambda pair: CloudSpan(min(pair), max(pair)))


@pytest.mark.parametrize("model", sorted(known_models()))
@settings(max_examples=25)
@given(st.data())
def test_crossings_are_plan_step_s_for_every_span(model, data):
    loaded = structure(model)
    span = data.draw(spans(loaded.num_layers))
    step, table = plan_step(loaded.chain, span), loaded.crossings
    row = table.row(span)
    assert table.span(row) == span
    assert table.up_bytes[:, row].sum() == step.bytes_up
    assert table.down_bytes[:, row].sum() == step.bytes_down
    assert table.round_trips[row] == step.round_trips


def test_crossings_are_plan_step_s_all_over_nano():
    loaded = structure("nano")
    table = loaded.crossings
    for row in range(0, table.num_spans, 7):
        step = plan_step(loaded.chain, table.span(row))
        assert table.round_trips[row] == step.round_trips
        assert table.up_bytes[:, row].sum() == step.bytes_up
        assert table.down_bytes[:, row].sum() == step.bytes_down


@functools.cache
def tiny() -> Structure:
    """A whole VLA of 22 layers: 254 spans can be walked one by one."""
    model = describe("openvla-7b")
    tower = dataclasses.replace(model.towers[0], width=64, depth=2, num_heads=4, mlp_width=256)
    backbone = dataclasses.replace(
        model.backbone, width=128, depth=1, num_heads=4, num_kv_heads=4, mlp_width=344
    )
    small = dataclasses.replace(model, towers=(tower,), projector=(64, 128), backbone=backbone)
    return Structure.of(assemble(small))


@functools.cache
def walked(span):
    return plan_step(tiny().chain, span)


def by_hand_s(loaded, span, codec, link, edge=EDGE, cloud=CLOUD):
    """One span's latency, walked step by step."""
    step = walked(span)
    edge_s, cloud_s = step_seconds(loaded.costs, edge), step_seconds(loaded.costs, cloud)
    inside = np.zeros(loaded.num_layers, bool)
    inside[span.start : span.stop] = True
    total_s = edge_s[~inside].sum() + cloud_s[inside].sum() + step.round_trips * link.rtt_s
    sent = []
    for visits, rate in (
        (step.visits[1::2], link.uplink_bytes_per_s),
        (step.visits[2::2], link.downlink_bytes_per_s),
    ):
        packed = 0.0
        for arrival in (a for visit in visits for a in visit.arrivals):
            ratio = codec.ratio.get(arrival.spec.dtype, 1.0)
            coded = arrival.num_bytes if arrival.spec.dtype in codec.ratio else 0
            total_s += codec.coding_s_per_byte * coded
            packed += ratio * arrival.num_bytes
        total_s += packed / rate + packed / PACK_BYTES_PER_S
        sent.append((packed, rate))
    if link.rtt_s >= 0.002 and total_s > 0.2 * max(1, step.round_trips):
        for packed, rate in sent:
            total_s += float(slow_start_s(np.array([packed]), rate, link.rtt_s)[0])
    return total_s


@settings(max_examples=12)
@given(
    uplink=st.floats(0.5, 2000.0),
    downlink=st.floats(0.5, 2000.0),
    rtt_ms=st.floats(0.0, 200.0),
    budget_mib=st.floats(0.1, 20.0),
    allow_raw_images=st.booleans(),
)
def test_search_is_brute_force(uplink, downlink, rtt_ms, budget_mib, allow_raw_images):
    loaded, codecs = tiny(), codecs_named(["raw", "jpeg", "int8"])
    link = Link.of_mbit_s(uplink, downlink, rtt_ms=rtt_ms)
    budgets = Budgets(cloud_gib=budget_mib / 1024, allow_raw_images=allow_raw_images)
    table, choice = search(loaded, EDGE, CLOUD, link, codecs, budgets)
    best_s = math.inf
    for row in range(table.structure.crossings.num_spans):
        span = table.structure.crossings.span(row)
        low, high = loaded.pool_of(span)
        held = set(range(span.start, span.stop)) | set(range(low, high))
        gib = sum(loaded.chain.layers[i].weight_bytes for i in held) / GIB
        is_raw = not span.is_empty and span.start < loaded.first_backbone
        if gib > budgets.cloud_gib or (is_raw and not allow_raw_images):
            continue
        for codec in codecs:
            best_s = min(best_s, by_hand_s(loaded, span, codec, link))
    assert table.total_s[choice.codec, choice.row] == pytest.approx(best_s, rel=1e-9)
    assert sum(table.breakdown_s(choice.codec, choice.row)) == pytest.approx(best_s, rel=1e-9)


@given(
    st.lists(
        st.tuples(st.floats(0, 9), st.floats(0, 9), st.floats(0, 9)), min_size=1, max_size=12
    ),
    st.floats(0, 40),
)
def test_paper_search_is_the_budget_bound_or_better(layers, budget):
    edge_s, cloud_s, load = (np.array(column) for column in zip(*layers, strict=True))
    got = paper_search(edge_s, cloud_s, load, budget=budget)

    def total(split):
        return edge_s[:split].sum() + cloud_s[split:].sum()

    allowed = [len(layers)]
    while allowed[-1] > 0 and load[allowed[-1] - 1 :].sum() < budget:
        allowed.append(allowed[-1] - 1)
    assert got in allowed
    assert total(got) == pytest.approx(min(total(split) for split in allowed))


def test_paper_search_takes_all_that_the_budget_allows_where_the_cloud_is_faster():
    loaded = structure("openvla-7b")
    edge_s, cloud_s = (step_seconds(loaded.costs, d) for d in (EDGE, CLOUD))
    load = loaded.costs.weight_bytes
    split = paper_search(edge_s, cloud_s, load, budget=12.1 * GIB)
    assert load[split:].sum() < 12.1 * GIB <= load[split - 1 :].sum()


@given(st.floats(1.0, 1000.0), st.floats(1.01, 3.0))
def test_latency_falls_as_bandwidth_rises(rate, factor):
    loaded, codecs = structure("nano"), codecs_named(["raw"])
    slow, fast = (
        cost_table(loaded, EDGE, CLOUD, Link.of_mbit_s(r, r, rtt_ms=1.0), codecs).total_s
        for r in (rate, rate * factor)
    )
    assert (fast <= slow + 1e-12).all()


def test_end_points_of_openvla_on_the_paper_s_hosts():
    loaded = structure("openvla-7b")
    table = cost_table(loaded, EDGE, CLOUD, LINK, codecs_named(["raw"]))
    whole = loaded.crossings.row(CloudSpan(0, loaded.num_layers))
    assert table.total_s[0, 0] == pytest.approx(1.1194, rel=1e-3)
    assert table.total_s[0, whole] == pytest.approx(0.162, abs=0.001)  # upload charged


def test_openvla_crosses_once_before_the_embedding_and_7_times_inside_the_language_model():
    loaded = structure("openvla-7b")
    for cut, trips in (("embed", 1), ("llama.0.norm1", 7), ("head", 7), ("siglip.4.qkv", 1)):
        span = CloudSpan(loaded.chain.index_of(cut), loaded.num_layers)
        assert loaded.crossings.round_trips[loaded.crossings.row(span)] == trips


def test_pool_is_the_llama_block_around_the_first_inner_cut():
    loaded = structure("openvla-7b")
    budgets = Budgets(cloud_gib=12.1)
    result = plan(loaded, (EDGE, CLOUD), LINK, codecs_named(["raw"]), budgets)
    held = result.residency
    assert held.held_bytes(held.pool) / 2**20 == pytest.approx(386.0, abs=0.02)
    assert result.best.cloud_gib <= 12.1
    assert held.held_bytes(held.cloud) / GIB == pytest.approx(result.best.cloud_gib)
    assert held.held_bytes(held.edge) / GIB == pytest.approx(result.best.edge_gib)


@pytest.mark.parametrize(("model", "percent"), [("openvla-7b", 2.61), ("cogact-b", 2.55)])
def test_pool_share_is_the_paper_s(model, percent):
    loaded = structure(model)
    low, high = loaded.pool_of(CloudSpan(loaded.chain.index_of("llama.4.qkv"), loaded.num_layers))
    block = loaded.costs.weight_bytes[low:high].sum()
    whole = (loaded.costs.weight_bytes + loaded.costs.unused_bytes).sum()
    assert block / (whole + block) * 100 == pytest.approx(percent, abs=0.01)


def test_edge_memory_widens_the_pool_until_edge_only_is_a_candidate():
    loaded = structure("openvla-7b")
    codecs = codecs_named(["raw", "int8"])
    narrow = plan(loaded, (EDGE, CLOUD), LINK, codecs, Budgets(cloud_gib=12.1))
    wide = plan(loaded, (EDGE, CLOUD), LINK, codecs, Budgets(cloud_gib=12.1, edge_gib=32.0))
    assert wide.residency.pool.sum() > narrow.residency.pool.sum()
    assert wide.residency.held_bytes(wide.residency.edge) <= 32.0 * GIB
    assert wide.residency.held_bytes(wide.residency.cloud) <= 12.1 * GIB
    assert any(one.span.is_empty for one in wide.candidates)
    assert not any(one.span.is_empty for one in narrow.candidates)


@pytest.mark.parametrize("model", sorted(known_models()))
def test_candidates_are_legal_few_and_not_dominated(model):
    loaded, codecs = structure(model), codecs_named(["raw", "jpeg", "int8", "lossless"])
    table, choice = search(loaded, EDGE, CLOUD, LINK, codecs, Budgets())
    held = residency(loaded, loaded.crossings.span(choice.row), Budgets(), is_wide=True)
    listed = candidates(table, held, best=choice)
    assert 1 <= len(listed) <= 64
    assert len({(one.span, one.codec) for one in listed}) == len(listed)
    legal = set(held.legal_rows().tolist())
    assert all(loaded.crossings.row(one.span) in legal for one in listed)
    assert any(one.span.is_empty for one in listed)
    assert any(one.span == CloudSpan(0, loaded.num_layers) for one in listed)


def test_no_raw_images_lets_nothing_cross_in_front_of_the_projector_s_output():
    loaded = structure("openvla-7b")
    budgets = Budgets(allow_raw_images=False)
    result = plan(loaded, (EDGE, CLOUD), LINK, codecs_named(["raw"]), budgets)
    assert result.cloud_only is None
    for one in (result.best, *result.pareto):
        arrivals = {
            n for v in plan_step(loaded.chain, one.span).cloud_visits for n in v.arrival_names
        }
        assert not arrivals & {"image", "dino.hidden", "siglip.hidden"}


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=60))
def test_pareto_front_is_what_nothing_dominates(points):
    array = np.array(points, float)
    front = {points[i] for i in pareto_front(array)}

    def is_beaten(p):
        return any(all(a <= b for a, b in zip(q, p, strict=True)) and q != p for q in points)

    assert front == {p for p in points if not is_beaten(p)}
    assert len(pareto_front(array)) == len(front)


def test_pareto_front_of_a_plan_holds_the_best_under_its_budgets():
    loaded, budgets = structure("cogact-b"), Budgets(cloud_gib=12.0)
    table, choice = search(loaded, EDGE, CLOUD, LINK, codecs_named(["raw"]), budgets)
    front = pareto(table, budgets)
    assert front[0].total_s == pytest.approx(float(table.total_s[choice.codec, choice.row]))
    assert all(one.is_within_budgets for one in front)


def test_impossible_budgets_say_what_misses_by_how_much():
    budgets = Budgets(cloud_gib=0.5, edge_gib=4.0)
    loaded = structure("openvla-7b")
    with pytest.raises(PlanError, match=r"nearest is .* misses by .*\d GiB of edge memory"):
        search(loaded, EDGE, CLOUD, LINK, codecs_named(["raw"]), budgets)


def test_cloud_compute_is_a_budget_too():
    loaded = structure("openvla-7b")
    table = cost_table(loaded, EDGE, CLOUD, LINK, codecs_named(["raw"]))
    budgets = Budgets(cloud_gflop=1000.0)
    choice = best_choice(table, budgets)
    assert loaded.cloud_flop[choice.row] <= 1e12
    assert isinstance(choice, Choice)


@pytest.mark.parametrize("value", [math.nan, -1.0])
def test_budgets_and_links_refuse_what_is_no_amount(value):
    with pytest.raises(ConfigError):
        Budgets(cloud_gib=value)
    with pytest.raises(ConfigError):
        Link.of_mbit_s(value, 10.0, rtt_ms=1.0)
    with pytest.raises(ConfigError):
        Link.of_mbit_s(10.0, 10.0, rtt_ms=value)


def test_codecs_named_refuses_unknown_and_double_names():
    with pytest.raises(ConfigError, match="did you mean 'int8'"):
        codecs_named(["int9"])
    with pytest.raises(ConfigError, match="different"):
        codecs_named(["raw", "raw"])
    assert all(0 < ratio <= 1 for codec in CODECS.values() for ratio in codec.ratio.values())


def test_slow_start_is_nothing_for_what_fits_the_first_window_and_grows_with_size():
    sizes = np.array([1e3, 14e3, 20e3, 1e5, 1e6, 1e8])
    added = slow_start_s(sizes, 26e6, 0.02)
    assert added[0] == added[1] == 0.0
    assert (np.diff(added) >= 0).all()
    assert added[-1] == added[-2]  # once the window covers the link nothing more is added
    assert chain_costs(model_chain("nano")).flop.sum() > 0
