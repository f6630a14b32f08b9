# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Our layers against the original implementations' tensors, where these lie beside us."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from roboecc_core.backends.catalog import open_model  # noqa: E402
from roboecc_core.backends.reference import compare, load_reference, run_on  # noqa: E402
from roboecc_core.errors import ConfigError  # noqa: E402

pytestmark = pytest.mark.torch


def opened(folder):
    return open_model(str(folder), device="cpu", unnorm_key="toy_orange", keeps_manifest=False)


def whole(model):
    return model.load(range(model.model.chain.num_layers))


def test_openvla_reproduces_tokens_actions_and_every_intermediate(openvla_tiny):
    report = compare(whole(opened(openvla_tiny)), load_reference(openvla_tiny / "reference.npz"))
    assert report.token_ids_equal
    assert report.actions < 1e-6
    kept = {"vision_features", "projected", "block_hidden_states", "last_logits"}
    assert set(report.intermediates) == kept
    assert report.worst < 1e-4


def test_cogact_reproduces_actions_and_every_intermediate(cogact_tiny):
    report = compare(whole(opened(cogact_tiny)), load_reference(cogact_tiny / "reference.npz"))
    assert report.token_ids_equal is None
    assert report.actions < 1e-4
    assert set(report.intermediates) == {"cognition_feature", "eps_t50", "normalized_actions"}
    assert report.worst < 1e-4


@pytest.fixture
def made_up(cogact_folder):
    """A reference recorded from our own layers: proves the comparison, not the model."""
    segment = whole(
        open_model(str(cogact_folder), device="cpu", unnorm_key="bridge", keeps_manifest=False)
    )
    generator = np.random.default_rng(0)
    reference = {
        "pixel_values": generator.normal(size=(1, 6, 28, 28)).astype(np.float32),
        "input_ids": np.array([[1, 40, 41, 3, 2]]),
        "noise": generator.normal(size=(1, 16, 7)).astype(np.float32),
    }
    recording = run_on(segment, reference)
    reference["actions"] = recording.of("actions")[0].numpy()
    reference["cognition_feature"] = recording.of("features")[0].numpy()
    return segment, reference


def test_compare_finds_no_difference_in_its_own_recording(made_up):
    report = compare(*made_up)
    assert (report.actions, report.worst, report.rotary_dtype) == (0.0, 0.0, "float32")


def test_compare_reports_the_difference_of_one_changed_value(made_up):
    segment, reference = made_up
    reference["cognition_feature"] = reference["cognition_feature"] + np.float32(0.5)
    assert compare(segment, reference).worst == pytest.approx(0.5, abs=1e-6)


def test_compare_counts_nan_and_another_shape_as_infinitely_far(made_up):
    segment, reference = made_up
    for wrong in (np.full((1, 1, 48), np.nan, np.float32), np.zeros(7, np.float32)):
        assert compare(segment, {**reference, "cognition_feature": wrong}).worst == np.inf


def test_compare_refuses_a_reference_of_another_image_size(made_up):
    segment, reference = made_up
    with pytest.raises(ConfigError, match="side of 56, the model's images of 28"):
        compare(segment, {**reference, "pixel_values": np.zeros((1, 6, 56, 56), np.float32)})


def test_load_reference_names_what_is_missing(tmp_path):
    np.savez(tmp_path / "other.npz", actions=np.zeros(7))
    with pytest.raises(ConfigError, match="lacks \\['input_ids', 'pixel_values'\\]"):
        load_reference(tmp_path / "other.npz")
    with pytest.raises(ConfigError, match="cannot read reference"):
        load_reference(tmp_path / "nothing.npz")
