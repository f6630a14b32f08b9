# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""OpenVLA-OFT, VOTE and generic heads: what they read from a folder, take and give."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from roboecc_core.backends.catalog import open_model  # noqa: E402
from roboecc_core.backends.checkpoint import CheckpointFolder  # noqa: E402
from roboecc_core.backends.families import structure_of  # noqa: E402
from roboecc_core.backends.openvla_heads import HeadedOpenVla  # noqa: E402
from roboecc_core.backends.recording import Recording  # noqa: E402
from roboecc_core.data_plane.segment import StepState  # noqa: E402
from roboecc_core.errors import CheckpointError, ConfigError  # noqa: E402
from roboecc_core.planning.description import Lstm, Mlp  # noqa: E402
from roboecc_core.planning.structure import plan_step  # noqa: E402
from roboecc_core.types import CloudSpan  # noqa: E402

pytestmark = pytest.mark.torch
IMAGE = np.full((30, 40, 3), 128, np.uint8)


def model(folder, **options):
    return HeadedOpenVla(CheckpointFolder(folder), dtype="float32", unnorm_key="bridge", **options)


def actions(folder, inputs):
    opened = open_model(str(folder), unnorm_key="bridge", keeps_manifest=False)
    recording = Recording(opened.load(range(opened.model.chain.num_layers)))
    visit = plan_step(opened.model.chain, CloudSpan(0, 0)).visits[0]
    recording.segment.run(visit, StepState(dict(inputs)))
    return recording


def test_every_layer_holds_exactly_the_weights_that_the_chain_declares(headed_folders):
    for name, folder in headed_folders.items():
        opened = structure_of(CheckpointFolder(folder), dtype="bfloat16")
        for index, layer in enumerate(opened.chain.layers):
            module, _ = opened.build_layer(index)
            real = sum(p.numel() for p in module.parameters())
            assert real == layer.num_parameters, (name, layer.name)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("oft", Mlp(32, 2, feature_rows=14, rows=2, horizon=2)),
        ("vote_1t", Mlp(32, 2, horizon=8)),
        ("vote_2t", Mlp(32, 1, passes=2, rows=2, horizon=16)),
        ("lstm", Lstm(24, 2, horizon=3)),
    ],
)
def test_head_is_read_from_config_or_from_the_weights_shapes(headed_folders, name, head):
    assert model(headed_folders[name]).shape.head == head


def test_oft_takes_two_images_and_the_scaled_state(headed_folders):
    oft = model(headed_folders["oft"])
    inputs = oft.observe(IMAGE, "go", more_images=[IMAGE], state=[0.5] * 7 + [9.0])
    assert inputs["image"].shape == (2, 28, 28, 3)
    assert inputs["proprio"][0].tolist() == pytest.approx([0.5] * 7 + [1.0])


def test_oft_refuses_a_missing_image_or_number(headed_folders):
    oft = model(headed_folders["oft"])
    with pytest.raises(ConfigError, match="got 1 images, the model takes 2"):
        oft.observe(IMAGE, "go", state=[0.0] * 8)
    with pytest.raises(ConfigError, match="7 numbers, the model takes 8"):
        oft.observe(IMAGE, "go", more_images=[IMAGE], state=[0.0] * 7)


def test_oft_sees_the_whole_sequence_in_both_directions(headed_folders):
    """The first slot's feature depends on the stop token behind it, as a causal one never does."""
    folder = headed_folders["oft"]
    inputs = model(folder).observe(IMAGE, "go", more_images=[IMAGE], state=[0.0] * 8)
    opened = open_model(str(folder), unnorm_key="bridge", keeps_manifest=False)
    chain = opened.model.chain
    segment = opened.load(range(chain.num_layers))
    features = []
    for change in (0.0, 1.0):
        segment.operations[chain.index_of("embed")].table.weight.data[2] += change
        recording = Recording(segment, ["features"])
        visit = plan_step(chain, CloudSpan(0, 0)).visits[0]
        recording.segment.run(visit, StepState(dict(inputs)))
        features.append(recording.of("features")[0][0, 0])
    assert not torch.equal(*features)


def test_every_head_gives_finite_actions_of_its_horizon(headed_folders):
    for name, folder in headed_folders.items():
        more = {"more_images": [IMAGE], "state": [0.0] * 8} if name == "oft" else {}
        opened = model(folder)
        inputs = opened.observe(IMAGE, "go", **more)
        chunk = actions(folder, inputs).of("actions")[0]
        assert chunk.shape == (opened.shape.head.horizon, 7)
        assert torch.isfinite(chunk).all()


def test_denoiser_draws_from_its_generator(headed_folders):
    draws = [
        model(headed_folders["diffusion"], noise=torch.Generator().manual_seed(s)).observe(
            IMAGE, "go"
        )["sample"]
        for s in (1, 1, 2)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.fixture
def copied(headed_folders, tmp_path):
    def copy(name):
        shutil.copytree(headed_folders[name], tmp_path / name)
        return tmp_path / name

    return copy


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ({"kind": "transformer"}, "expected one of"),
        ({"kind": "lstm", "width": 3, "layers": 2}, "unexpected keyword argument 'layers'"),
    ],
)
def test_open_says_what_is_wrong_with_a_described_head(copied, head, text):
    folder = copied("lstm")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "roboecc_head": head}))
    with pytest.raises(ConfigError, match=text):
        model(folder)


def test_open_says_what_it_expected_of_a_head_of_another_shape(copied):
    folder = copied("vote_1t")
    state = torch.load(folder / "action_head--random.pt", weights_only=True)
    state["module.model.fc1.weight"] = torch.zeros(32, 49)
    torch.save(state, folder / "action_head--random.pt")
    with pytest.raises(CheckpointError, match=r"takes 49 numbers.*\(VOTE\)"):
        model(folder)
