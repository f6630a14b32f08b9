# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Derived parameters and FLOP against real modules on the meta device and torch's counter."""

import json

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from roboecc_core.backends.checkpoint import CheckpointFolder  # noqa: E402
from roboecc_core.backends.openvla import OpenVla  # noqa: E402
from roboecc_core.backends.profile_check import measure_steps, small_models  # noqa: E402
from roboecc_core.backends.profiling import (  # noqa: E402
    STACKS,
    Sample,
    fit,
    measure_stacks,
    stack_chain,
)
from roboecc_core.backends.synthetic import synthetic_inputs, synthetic_segment  # noqa: E402
from roboecc_core.data_plane.segment import StepState  # noqa: E402
from roboecc_core.planning.catalog import model_chain  # noqa: E402
from roboecc_core.planning.costs import chain_costs  # noqa: E402
from roboecc_core.planning.structure import plan_step  # noqa: E402
from roboecc_core.types import CloudSpan  # noqa: E402

pytestmark = pytest.mark.torch

OPENVLA_7B = {
    "image_sizes": [224, 224],
    "timm_model_ids": [
        "vit_large_patch14_reg4_dinov2.lvd142m",
        "vit_so400m_patch14_siglip_224",
    ],
    "text_config": {},
    "norm_stats": {"one": {"action": {"q01": [0.0] * 7, "q99": [1.0] * 7}}},
}


@pytest.fixture(scope="module")
def openvla_7b(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openvla-7b")
    (folder / "config.json").write_text(json.dumps(OPENVLA_7B))
    save_file({}, str(folder / "model.safetensors"))
    return OpenVla(CheckpointFolder(folder), dtype="bfloat16")


def test_every_layer_of_openvla_7b_declares_the_parameters_of_its_real_module(openvla_7b):
    for index, layer in enumerate(openvla_7b.chain.layers):
        module, _ = openvla_7b.build_layer(index)
        real = sum(p.numel() for p in module.parameters())
        assert layer.num_parameters == real, layer.name


def test_openvla_7b_s_catalogue_entry_is_its_checkpoint_s_chain(openvla_7b):
    listed = model_chain("openvla-7b")
    assert [la.name for la in listed.layers] == [la.name for la in openvla_7b.chain.layers]
    assert listed.num_parameters == openvla_7b.chain.num_parameters == 7_541_237_184


def test_pi0_has_the_parameters_of_the_library_s_modules_on_the_meta_device():
    from transformers import PI0Config, PI0ForConditionalGeneration

    with torch.device("meta"):
        model = PI0ForConditionalGeneration(PI0Config())
    names = dict(model.named_parameters())
    unused = sum(p.numel() for n, p in names.items() if "dit.embed_tokens" in n)
    whole = sum(p.numel() for p in names.values())
    assert model_chain("pi0").num_parameters == pytest.approx(whole - unused, rel=1e-4)


def flop_of_step(chain, segment, inputs):
    visit = plan_step(chain, CloudSpan(0, 0)).visits[0]
    with FlopCounterMode(display=False) as counter:
        segment.run(visit, StepState(tensors=inputs))
    return counter.get_total_flops()


def test_flop_of_a_real_openvla_step_are_within_1_percent_of_torch_s_counter(nano, nano_segment):
    chain = nano_segment.chain
    rows = chain.program[1].dims
    image = torch.zeros((1, 112, 112, 3), dtype=torch.uint8)
    prompt = torch.zeros((1, rows["prompt"]), dtype=torch.int64)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        counted = flop_of_step(chain, nano_segment, {"image": image, "prompt_ids": prompt})
    derived = chain_costs(chain).step_flop.sum()
    assert derived == pytest.approx(counted, rel=0.01)


@pytest.mark.parametrize("index", range(3), ids=("openvla", "cogact", "mlp"))
def test_flop_of_small_models_are_within_1_percent_of_torch_s_counter(index):
    chain = small_models("float32")[index]
    cpu = torch.device("cpu")
    segment = synthetic_segment(chain, cpu)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        counted = flop_of_step(chain, segment, synthetic_inputs(chain, cpu))
    assert chain_costs(chain).step_flop.sum() == pytest.approx(counted, rel=0.01)


def test_measure_steps_runs_a_whole_step_of_any_chain():
    chain = model_chain("nano")
    (seconds,) = measure_steps([chain], torch.device("cpu"))
    assert 0.0 < seconds < 10.0


def test_profile_measures_seven_layers_a_stack():
    stack = STACKS[9]
    samples = measure_stacks([stack], torch.device("cpu"), "float32")
    assert len(samples) == 7
    assert all(sample.seconds > 0 for sample in samples)
    assert stack_chain(stack, "float32").num_layers == 7 * stack.depth


def test_fit_finds_the_figures_that_made_the_samples():
    peak, bandwidth = 1e11, 1e10
    made = [
        Sample("vision", "linear", f, b, max(f / (peak * 0.7), b / (bandwidth * 0.5)) + 2e-5)
        for f, b in ((1e8, 1e5), (1e9, 1e6), (4e9, 3e6), (1e4, 1e6), (1e4, 1e7), (1e3, 1e3))
    ]
    found = fit(made, peak, bandwidth, "here")["vision/linear"]
    assert found.compute == pytest.approx(0.7, rel=0.1)
    assert found.memory == pytest.approx(0.5, rel=0.1)
    assert found.overhead_us == pytest.approx(20.0, rel=0.2)
