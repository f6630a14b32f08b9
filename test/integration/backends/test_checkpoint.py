# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Damaged and foreign checkpoints are refused with the name of what is wrong."""

from __future__ import annotations

import json
import shutil

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from roboecc_core.backends.catalog import open_model  # noqa: E402
from roboecc_core.backends.checkpoint import MANIFEST_NAME, CheckpointFolder, Source  # noqa: E402
from roboecc_core.errors import CheckpointError, ConfigError  # noqa: E402

pytestmark = pytest.mark.torch
UP = "language_model.model.layers.0.mlp.up_proj.weight"


@pytest.fixture
def folder(nano, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(nano.model.checkpoint.folder, copy)
    return copy


def rewrite(folder, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, str(folder / "model.safetensors"))


def load_all(folder):
    opened = open_model(str(folder), device="cpu")
    return opened.load(range(opened.model.chain.num_layers))


def test_open_model_says_what_was_expected_when_the_folder_is_missing(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist; expected a folder"):
        open_model(str(tmp_path / "nowhere"))


def test_open_model_names_the_file_when_config_is_no_json(folder):
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json"):
        open_model(str(folder))


def test_open_model_names_the_field_when_config_is_another_models(folder):
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(CheckpointError, match=r"of no known family; known: CogACT, .*OpenVLA"):
        open_model(str(folder))


def test_open_model_names_the_file_when_it_is_truncated(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        load_all(folder)


def test_load_names_the_missing_tensor(folder):
    rewrite(folder, lambda tensors: tensors.pop(UP))
    with pytest.raises(CheckpointError, match=UP):
        load_all(folder)


def test_load_names_the_tensor_of_another_shape(folder):
    rewrite(folder, lambda tensors: tensors.update({UP: torch.zeros(2, 2)}))
    with pytest.raises(CheckpointError, match=r"shape \(2, 2\)"):
        load_all(folder)


def test_load_names_the_tensor_with_nan(folder):
    rewrite(folder, lambda tensors: tensors[UP].fill_(float("nan")))
    with pytest.raises(CheckpointError, match="NaN"):
        load_all(folder)


def test_load_names_the_layer_that_differs_from_the_manifest(folder):
    rewrite(folder, lambda tensors: tensors[UP].add_(1.0))
    with pytest.raises(CheckpointError, match=r"llama\.0\.mlp_up.*differs from its manifest"):
        load_all(folder)


def test_load_refuses_a_manifest_of_other_layers(folder):
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    manifest["layers"].pop()
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="models digest"):
        load_all(folder)


def test_folder_reads_only_the_shards_that_a_side_needs(folder):
    """An edge that owns the vision towers loads with the decoder's shard deleted."""
    tensors = load_file(folder / "model.safetensors")
    shards = {
        "vision.safetensors": {k: v for k, v in tensors.items() if k.startswith("vision")},
        "rest.safetensors": {k: v for k, v in tensors.items() if not k.startswith("vision")},
    }
    weight_map = {}
    for name, part in shards.items():
        save_file(part, str(folder / name))
        weight_map |= dict.fromkeys(part, name)
    (folder / "model.safetensors").unlink()
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    (folder / "rest.safetensors").unlink()
    opened = open_model(str(folder), device="cpu")
    names = [layer.name for layer in opened.model.chain.layers]
    segment = opened.load(range(names.index("projector")))
    assert len(segment.resident) == names.index("projector")
    with pytest.raises(CheckpointError, match=r"rest\.safetensors"):
        opened.load(range(len(names)))


def test_tensor_names_key_and_folder_when_the_key_is_unknown(folder):
    with pytest.raises(CheckpointError, match="no tensor 'nothing'"):
        CheckpointFolder(folder).tensor(Source("nothing"))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("device", "tpu9", "expected auto, cpu"), ("dtype", "float8", "expected auto, float32")],
)
def test_open_model_lists_what_is_known_when_a_value_is_not(nano, name, value, text):
    with pytest.raises(ConfigError, match=text):
        open_model(str(nano.model.checkpoint.folder), **{name: value})


def test_nano_is_the_same_for_the_same_seed_and_another_for_another(nano, tmp_path, monkeypatch):
    monkeypatch.setenv("ROBOECC_CACHE", str(tmp_path))
    assert open_model("nano", seed=0).manifest.model_id == nano.manifest.model_id
    assert open_model("nano", seed=1).manifest.model_id != nano.manifest.model_id
