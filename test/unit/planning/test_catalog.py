# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Models as data: sizes against the counted table, every kind of head, errors with a line."""

import dataclasses

import pytest

from roboecc_core.errors import ConfigError
from roboecc_core.planning.assembly import assemble
from roboecc_core.planning.catalog import describe, known_models, model_chain
from roboecc_core.planning.costs import chain_costs, layer_cost
from roboecc_core.planning.structure import plan_step
from roboecc_core.types import CloudSpan

GIB = 2**30


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        # vla-models.md 1: counted on real modules
        ("openvla-7b", 7_541_237_184),
        ("spatialvla-4b", 4_027_854_731),
        ("pi0", 3_238_048_528),
    ],
)
def test_model_chain_has_the_counted_parameters(model, parameters):
    assert model_chain(model).num_parameters == parameters


@pytest.mark.parametrize(
    ("part", "parameters"),
    [
        ("dino", 303_230_976),
        ("siglip", 427_680_704),
        ("projector", 71_385_600),
        ("embed", 131_334_144),
        ("llama.0", 202_383_360),
        ("norm", 4096),
        ("head", 131_334_144),
    ],
)
def test_openvla_7b_has_the_counted_parts(part, parameters):
    layers = model_chain("openvla-7b").layers
    weights = [w for la in layers if f"{la.name}.".startswith(f"{part}.") for w in la.weights]
    assert sum(w.num_parameters for w in weights) == parameters


@pytest.mark.parametrize(("size", "gib"), [("s", 14.09), ("b", 14.38), ("l", 15.19)])
def test_cogact_takes_the_counted_memory(size, gib):
    layers = model_chain(f"cogact-{size}").layers
    held = sum(layer.weight_bytes + layer.unused_bytes for layer in layers)
    assert held / GIB == pytest.approx(gib, abs=0.005)


@pytest.mark.parametrize(
    ("model", "prefix", "millions"),
    [
        ("cogact-s", "dit", 12.48),
        ("cogact-b", "dit", 88.99),
        ("cogact-l", "dit", 307.8),
        ("openvla-oft", "mlp", 151.12),
        ("openvla-oft", "proprio", 16.82),
        ("vote-1t", "mlp", 50.6),
        ("vote-2t", "mlp", 50.6),
        ("vote-mlp4", "mlp", 84.2),
    ],
)
def test_heads_have_the_counted_parameters(model, prefix, millions):
    layers = [la for la in model_chain(model).layers if la.name.split(".")[0] == prefix]
    count = sum(w.num_parameters for layer in layers for w in layer.weights)
    assert count / 1e6 == pytest.approx(millions, rel=1e-3)


def gflop(chain, block, phase_name):
    phase = next(p for p in chain.program if p.name == phase_name)
    layers = [layer for layer in chain.layers if layer.block == block]
    return sum(layer_cost(chain, layer, phase).flop for layer in layers) / 1e9


@pytest.mark.parametrize(
    ("model", "block", "phase", "expected"),
    [
        ("openvla-7b", "dino.3", "vision", 6.85),
        ("openvla-7b", "siglip.3", "vision", 8.10),
        ("openvla-7b", "projector", "vision", 36.55),
        ("openvla-7b", "llama.3", "prefill", 116.27),
        ("openvla-7b", "llama.3", "decode", 0.41),
        ("openvla-7b", "head", "prefill", 0.26),
        ("openvla-oft", "llama.3", "prefill", 250.45),
        ("cogact-b", "dit.3", "denoise", 0.484),
    ],
)
def test_blocks_compute_what_the_table_says(model, block, phase, expected):
    """vla-models.md 2; the DiT's figure there is of one of the two sequences."""
    assert gflop(model_chain(model), block, phase) == pytest.approx(expected, rel=0.012)


def crossing(chain, cut):
    plan = plan_step(chain, CloudSpan(chain.index_of(cut), chain.num_layers))
    return plan.round_trips, plan.cloud_visits[0]


def test_cogact_crosses_once_with_8_kib_between_language_model_and_dit():
    chain = model_chain("cogact-b")
    back = plan_step(chain, CloudSpan(0, chain.index_of("dit.embed")))
    assert (back.round_trips, back.bytes_down) == (1, 8 * 1024)
    trips, visit = crossing(chain, "dit.embed")
    noise_bytes = 16 * 7 * 4
    assert (trips, visit.arrival_bytes) == (1, 8 * 1024 + noise_bytes)


def test_cogact_crosses_once_a_denoising_step_inside_the_dit_for_both_guided_sequences():
    chain = model_chain("cogact-b")
    for cut in ("dit.3.norm1", "dit.3.mlp_down", "dit.11.attention"):
        assert crossing(chain, cut)[0] == 10
    assert chain.tensors["dit.hidden"].shape == (2, 17, 768)


def test_pi0_sends_every_block_s_keys_and_values_between_prefix_and_expert():
    visit = crossing(model_chain("pi0"), "expert.embed")[1]
    kv = [a for a in visit.arrivals if ".kv." in a.spec.name]
    assert len(kv) == 18
    assert sum(a.num_bytes for a in kv) == pytest.approx(15.0e6, rel=0.01)


def test_vote_sends_8_kib_an_act_token_to_its_head():
    for model, tokens in (("vote-1t", 1), ("vote-2t", 2)):
        chain = model_chain(model)
        back = plan_step(chain, CloudSpan(0, chain.index_of("mlp.in")))
        assert back.bytes_down == tokens * 8 * 1024


def test_oft_sends_448_kib_of_action_slots_and_294_kib_of_pictures():
    chain = model_chain("openvla-oft")
    assert plan_step(chain, CloudSpan(0, chain.index_of("mlp.in"))).bytes_down == 448 * 1024
    whole = plan_step(chain, CloudSpan(0, chain.num_layers))
    assert whole.bytes_up == pytest.approx(294 * 1024, rel=0.002)


def test_every_known_model_has_costs_and_more_than_one_layer():
    for name in known_models():
        chain = model_chain(name)
        costs = chain_costs(chain)
        assert costs.step_flop.sum() > 0
        assert (costs.moved_bytes > 0).all()


HEADS = {
    "detokenizer": "{kind: detokenizer, tokens: 7}",
    "mlp": "{kind: mlp, width: 256, blocks: 2}",
    "lstm": "{kind: lstm, width: 256, cells: 2, horizon: 5}",
    "diffusion": "{kind: diffusion, width: 256, blocks: 3, iterations: 10}",
    "dit": "{kind: dit, width: 64, depth: 2, num_heads: 4, mlp_width: 128, iterations: 5}",
    "expert": "{kind: expert, width: 64, depth: 2, num_heads: 4, num_kv_heads: 1, head_dim: 32,\n"
    "  mlp_width: 128, iterations: 3}",
}
TRUNK = """\
name: mine
description: my own
source: mine
towers:
  - {name: vit, width: 64, depth: 2, num_heads: 4, mlp_width: 256}
projector: [64, 128]
backbone: {name: lm, width: 128, depth: 2, num_heads: 4, num_kv_heads: 4, mlp_width: 344,
           vocab_size: 640, head_dim: 32}
prompt_tokens: 9
head: """


@pytest.mark.parametrize("kind", HEADS)
def test_a_user_s_description_may_have_any_head(kind, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(TRUNK + HEADS[kind] + "\n")
    chain = model_chain(str(file))
    assert chain.outputs[-1] == "actions"
    assert plan_step(chain, CloudSpan(3, chain.num_layers)).round_trips >= 1


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("depth: 2, num_heads: 4, mlp_width: 256", "depht: 2, num_heads: 4", 5, "'depth'"),
        ("prompt_tokens: 9", "prompt_tokens: -9", 9, "0 or more"),
        ("prompt_tokens: 9", "prompt_tokens: nine", 9, "whole number"),
        ("kind: mlp", "kind: mpl", 10, "did you mean 'mlp'"),
        ("projector: [64, 128]", "projector: 128", 6, "expected a list"),
        ("projector: [64, 128]", "projector: [64, 96]", 1, "expected the backbone's 128"),
        ("source: mine\n", "", 1, "lacks ['source']"),
    ],
)
def test_a_wrong_description_is_refused_with_its_line(old, new, line, says, tmp_path):
    file = tmp_path / "mine.yaml"
    text = (TRUNK + HEADS["mlp"]).replace(old, new, 1)
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        describe(str(file))
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert says in str(caught.value)


def test_a_description_that_is_no_yaml_is_refused_in_one_line(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("name: [")
    with pytest.raises(ConfigError, match="cannot read") as caught:
        describe(str(file))
    assert "\n" not in str(caught.value)


def test_an_unknown_model_lists_the_known_ones_with_the_closest():
    with pytest.raises(ConfigError, match=r"did you mean 'openvla-7b'.*known: .*pi0"):
        model_chain("opnvla-7b")


def test_qwenvla_is_refused_with_the_reason():
    with pytest.raises(ConfigError, match="architecture is not public"):
        model_chain("QwenVLA")


def test_fig_3_of_the_paper_is_cogact_s_dit_b_in_bfloat16_without_guidance():
    model = describe("cogact-b")
    head = dataclasses.replace(model.head, guidance_batch=1, dtype="bfloat16")
    chain = assemble(dataclasses.replace(model, head=head))
    sizes = [2 * 17 * chain.tensors[n].shape[-1] for n in ("dit.expanded", "dit.hidden")]
    assert sizes == [104_448, 26_112]
    assert [s / (10 * 2**20) * 1e3 for s in sizes[:1]] == pytest.approx([9.96], abs=0.005)
    assert [s / 2**20 * 1e3 for s in sizes] == pytest.approx([99.61, 24.90], abs=0.005)
