# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Crossings follow from the chain and the span alone."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboecc_core.errors import ConfigError
from roboecc_core.planning.nano import nano_config
from roboecc_core.planning.openvla import OpenVlaStructure
from roboecc_core.planning.structure import (
    Layer,
    Side,
    TensorIo,
    indices_of,
    layer_ranges,
    plan_step,
)
from roboecc_core.types import CloudSpan

CHAIN = OpenVlaStructure.from_config(nano_config(0), name="nano").chain("float32")
NUM_LAYERS = CHAIN.num_layers
INDEX = {layer.name: index for index, layer in enumerate(CHAIN.layers)}

OPENVLA_7B = OpenVlaStructure.from_config(
    {
        "image_sizes": [224, 224],
        "timm_model_ids": [
            "vit_large_patch14_reg4_dinov2.lvd142m",
            "vit_so400m_patch14_siglip_224",
        ],
        "text_config": {},
    },
    name="openvla-7b",
).chain("bfloat16")


def spans(num_layers: int = NUM_LAYERS) -> st.SearchStrategy[CloudSpan]:
    cuts = st.tuples(st.integers(0, num_layers), st.integers(0, num_layers))
    return cuts.map(lambda pair: CloudSpan(min(pair), max(pair)))


def cut(name: str) -> CloudSpan:
    """The span that begins with the named layer and takes the rest."""
    return CloudSpan(INDEX[name], NUM_LAYERS)


@given(spans())
def test_plan_step_runs_every_layer_in_order_on_the_side_that_the_span_says(span):
    plan = plan_step(CHAIN, span)
    executed = [(e.phase, e.iteration, e.layer_index) for v in plan.visits for e in v.executions]
    assert executed == [(p.name, i, index) for p, i, index in CHAIN.executions()]
    for visit in plan.visits:
        for execution in visit.executions:
            assert (execution.layer_index in span) == (visit.side is Side.CLOUD)


@given(spans())
def test_plan_step_begins_and_ends_on_the_edge_and_alternates(span):
    sides = [visit.side for visit in plan_step(CHAIN, span).visits]
    assert sides[0] is Side.EDGE
    assert sides[-1] is Side.EDGE
    assert all(a is not b for a, b in itertools.pairwise(sides))


@given(spans())
def test_plan_step_gives_each_side_every_tensor_that_it_reads_in_its_newest_version(span):
    """Replays the plan with version numbers instead of values."""
    held = {Side.EDGE: dict.fromkeys(CHAIN.inputs, 0), Side.CLOUD: {}}
    newest = dict.fromkeys(CHAIN.inputs, 0)
    for number, visit in enumerate(plan_step(CHAIN, span).visits):
        other = Side.CLOUD if visit.side is Side.EDGE else Side.EDGE
        for name in visit.arrival_names:
            assert held[visit.side].get(name) != newest[name], f"{name} crossed for nothing"
            held[visit.side][name] = held[other][name]
        for execution in visit.executions:
            for name in execution.io.reads:
                assert held[visit.side][name] == newest[name]
            for name in execution.io.writes:
                newest[name] = held[visit.side][name] = number + 1
    assert all(held[Side.EDGE][name] == newest[name] for name in CHAIN.outputs)


def test_plan_step_needs_no_crossing_when_the_span_is_empty():
    plan = plan_step(CHAIN, CloudSpan(0, 0))
    assert (plan.round_trips, plan.bytes_up, plan.bytes_down) == (0, 0, 0)


def test_plan_step_crosses_once_before_the_embedding_and_once_a_token_inside_the_decoder():
    assert plan_step(CHAIN, cut("embed")).round_trips == 1
    assert plan_step(CHAIN, cut("llama.0.norm1")).round_trips == 7
    assert plan_step(CHAIN, cut("head")).round_trips == 7
    assert plan_step(CHAIN, cut("detokenize")).round_trips == 1


def test_plan_step_sends_the_raw_image_that_the_second_tower_still_needs():
    visit = plan_step(CHAIN, cut("dino.1.norm1")).cloud_visits[0]
    assert visit.arrival_names == ("dino.hidden", "image", "prompt_ids")


def test_plan_step_sends_the_residual_inside_a_block():
    visit = plan_step(CHAIN, cut("llama.1.mlp_down")).cloud_visits[0]
    assert visit.arrival_names == ("llama.expanded", "llama.hidden")


def test_plan_step_counts_what_openvla_7b_sends_at_each_cut_of_a_block():
    """vla-models.md 2: 1x, 2x, 4x, 2x, 1x, 2x, 3.69x, 1x of [1, S, 4096] in bfloat16."""
    index = {layer.name: i for i, layer in enumerate(OPENVLA_7B.layers)}
    names = ("norm1", "qkv", "attention", "attention_out", "norm2", "mlp_up", "mlp_down")
    hidden_bytes = (256 + 28) * 4096 * 2
    ratios = []
    for name in names:
        span = CloudSpan(index[f"llama.3.{name}"], OPENVLA_7B.num_layers)
        ratios.append(plan_step(OPENVLA_7B, span).cloud_visits[0].arrival_bytes / hidden_bytes)
    assert ratios == pytest.approx([1, 2, 4, 2, 1, 2, 1 + 11008 / 4096])


def test_openvla_7b_chain_has_the_blocks_that_count():
    blocks = {layer.block for layer in OPENVLA_7B.layers}
    assert sum(block.startswith("dino.") for block in blocks) == 23 + 1
    assert sum(block.startswith("siglip.") for block in blocks) == 26 + 1
    assert sum(block.startswith("llama.") for block in blocks) == 32


def test_block_boundaries_begin_and_end_with_the_chain():
    boundaries = CHAIN.block_boundaries
    assert boundaries[0] == 0
    assert boundaries[-1] == NUM_LAYERS
    assert INDEX["llama.1.norm1"] in boundaries
    assert INDEX["llama.1.qkv"] not in boundaries


def test_plan_step_refuses_a_span_past_the_last_layer():
    with pytest.raises(ConfigError, match=f"{NUM_LAYERS} layers"):
        plan_step(CHAIN, CloudSpan(0, NUM_LAYERS + 1))


def test_layer_chain_refuses_a_layer_that_reads_what_nobody_wrote():
    orphan = Layer("late", "late", "decoder", {"finish": TensorIo(("logits",), ("tokens",))})
    with pytest.raises(ConfigError, match=r"'late' reads.*logits"):
        dataclasses.replace(CHAIN, layers=(orphan,))


@given(st.sets(st.integers(0, 60)))
def test_layer_ranges_round_trip(indices):
    assert indices_of(layer_ranges(indices)) == indices
