# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""OpenVLA's inputs, statistics and manifest."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from roboecc_core.backends.catalog import manifest_of  # noqa: E402
from roboecc_core.backends.checkpoint import CheckpointFolder  # noqa: E402
from roboecc_core.backends.openvla import OpenVla  # noqa: E402
from roboecc_core.errors import ConfigError  # noqa: E402

pytestmark = pytest.mark.torch


def test_observe_resizes_any_image_and_appends_the_empty_token(nano):
    inputs = nano.model.observe(np.zeros((480, 640, 3), np.uint8), "Lift the Mango")
    assert tuple(inputs["image"].shape) == (1, 112, 112, 3)
    ids = inputs["prompt_ids"][0].tolist()
    assert ids[0] == 1
    assert ids[-1] == nano.model.checkpoint.config["empty_token_id"]
    assert (
        ids
        == nano.model.observe(np.zeros((112, 112, 3), np.uint8), "lift the mango")["prompt_ids"][
            0
        ].tolist()
    )


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.float32)],
    ids=["grey", "four channels", "float"],
)
def test_observe_refuses_an_image_of_another_kind(nano, image):
    with pytest.raises(ConfigError, match=r"expected uint8 \(height, width, 3\) RGB"):
        nano.model.observe(image, "go")


def test_observe_refuses_an_instruction_that_is_too_long(nano):
    with pytest.raises(ConfigError, match="shorten it"):
        nano.model.observe(np.zeros((112, 112, 3), np.uint8), "very " * 200)


def test_openvla_lists_the_known_unnorm_keys_when_one_is_unknown(nano):
    with pytest.raises(ConfigError, match=r"'bridge_orig'.*\['random'\]"):
        OpenVla(nano.model.checkpoint, dtype="float32", unnorm_key="bridge_orig")


def test_manifest_changes_with_one_weight_only(nano, tmp_path):
    from safetensors.torch import load_file, save_file

    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((nano.model.checkpoint.folder / name).read_bytes())
    tensors = load_file(nano.model.checkpoint.folder / "model.safetensors")
    tensors["language_model.model.layers.2.mlp.up_proj.weight"][5, 7] += 1e-3
    save_file(tensors, str(tmp_path / "model.safetensors"))
    other = manifest_of(OpenVla(CheckpointFolder(tmp_path), dtype="float32"))
    assert other.model_id != nano.manifest.model_id
    pairs = zip(other.layer_names, other.layer_digests, nano.manifest.layer_digests, strict=True)
    assert [name for name, a, b in pairs if a != b] == ["llama.2.mlp_up"]
