# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Every family, split at every cut, is the unsplit model, through frame bytes."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from roboecc_core.backends.catalog import open_model  # noqa: E402
from roboecc_core.backends.families import family_of  # noqa: E402
from roboecc_core.backends.split_check import (  # noqa: E402
    all_spans,
    check_spans,
    made_up_inputs,
    stage_spans,
)
from roboecc_core.types import CloudSpan  # noqa: E402

pytestmark = pytest.mark.torch
HEADED = ["mlp", "lstm", "diffusion", "oft", "vote_1t", "vote_2t"]
FAMILIES = ["nano", "cogact", *HEADED]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request, nano, cogact_folder, headed_folders):
    folders = {"nano": nano.model.checkpoint.folder, "cogact": cogact_folder, **headed_folders}
    return folders[request.param]


def run(folder, dtype, choose_spans):
    opened = open_model(
        str(folder), device="cpu", dtype=dtype, unnorm_key=_first(folder), keeps_manifest=False
    )
    chain = opened.model.chain
    inputs = made_up_inputs(chain, seed=2)
    unsplit = family_of(opened.model.checkpoint).unsplit(opened.model)
    segment = opened.load(range(chain.num_layers))
    return check_spans(segment, unsplit.run(inputs), inputs, choose_spans(chain))


def _first(folder):
    from roboecc_core.backends.checkpoint import CheckpointFolder

    return next(iter(CheckpointFolder(folder).config["norm_stats"]))


def test_every_span_of_blocks_and_every_single_cut_is_bit_exact_in_float32(folder):
    results = run(folder, "float32", all_spans)
    assert [r.span for r in results if not r.is_bit_exact] == []
    assert all(result.actions_equal and result.max_abs_diff == 0.0 for result in results)


def test_every_span_between_parts_is_bit_exact_in_bfloat16(folder):
    results = run(folder, "bfloat16", stage_spans)
    assert [r.span for r in results if not r.is_bit_exact] == []


def test_all_spans_holds_every_pair_of_block_boundaries_and_every_fine_cut(nano):
    chain = nano.model.chain
    spans = all_spans(chain)
    boundaries = chain.block_boundaries
    assert {CloudSpan(a, b) for a in boundaries for b in boundaries if a <= b} <= set(spans)
    for cut in range(1, chain.num_layers):
        assert {CloudSpan(cut, chain.num_layers), CloudSpan(0, cut)} <= set(spans)
    assert len(spans) == len(set(spans))


def test_check_sees_a_layer_that_computes_something_else(nano, nano_segment):
    from roboecc_core.data_plane.segment import Segment

    chain = nano.model.chain
    inputs = made_up_inputs(chain, seed=2)
    expected = family_of(nano.model.checkpoint).unsplit(nano.model).run(inputs)
    index = chain.index_of("llama.1.mlp_down")
    right = nano_segment.operations[index]

    def wrong(context, *tensors):
        (hidden,) = right(context, *tensors)
        return (hidden + 1e-3,)

    operations = {**nano_segment.operations, index: wrong}
    segment = Segment(chain, operations, device=torch.device("cpu"), resident_bytes=1)
    (result,) = check_spans(segment, expected, inputs, [CloudSpan(0, 0)])
    assert not result.is_bit_exact
    assert result.max_abs_diff > 0.0


def test_made_up_inputs_fit_the_chain(nano):
    chain = nano.model.chain
    inputs = made_up_inputs(chain, seed=1)
    assert set(inputs) == set(chain.inputs)
    assert chain.tensors["image"].accepts("uint8", inputs["image"].shape)
    assert int(inputs["prompt_ids"].max()) < 640
