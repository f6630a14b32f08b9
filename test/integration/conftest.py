# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What several tests share: one small model, loaded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from roboecc_core.backends.catalog import OpenedModel
    from roboecc_core.data_plane.segment import Segment


@pytest.fixture(scope="session")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenedModel]:
    """`nano` of seed 0 in a cache of its own, one torch thread, on the CPU in float32."""
    import torch

    from roboecc_core.backends.catalog import open_model

    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBOECC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield open_model("nano", device="cpu")


@pytest.fixture(scope="session")
def nano_segment(nano: OpenedModel) -> Segment:
    """All layers of `nano`. Segments keep no step state, so all tests may share it."""
    return nano.load(range(nano.model.chain.num_layers))


COGACT_TINY = {
    "vla": {"base_vlm": "prism-dinosiglip-224px+7b"},
    "action_model_args": {"depth": 2, "hidden_size": 32, "num_heads": 4},
    "image_sizes": [28, 28],
    "text_config": {
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 96,
        "vocab_size": 320,
    },
    "timm_model_args": [
        {"embed_dim": 32, "depth": 3, "num_heads": 4},
        {"embed_dim": 48, "depth": 3, "num_heads": 4},
    ],
    "empty_token_id": 3,
    "norm_stats": {
        name: {"action": {"q01": [-scale] * 6 + [0.0], "q99": [scale] * 6 + [1.0],
                          "mask": [True] * 6 + [False]}}
        for name, scale in (("bridge", 0.02), ("fractal", 0.5))
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def cogact_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint in CogACT's layout, two sets of statistics, random weights."""
    pytest.importorskip("torch")
    from roboecc_core.backends.random_weights import write_cogact

    folder = tmp_path_factory.mktemp("cogact")
    write_cogact(folder, COGACT_TINY, seed=1)
    return folder


def _openvla_tiny_config() -> dict[str, object]:
    shared = ("image_sizes", "text_config", "timm_model_args", "empty_token_id", "norm_stats")
    config = {"model_type": "openvla", **{name: COGACT_TINY[name] for name in shared}}
    state = {"q01": [-1.0] * 8, "q99": [1.0] * 8}
    stats = {n: {**s, "proprio": state} for n, s in COGACT_TINY["norm_stats"].items()}
    return {**config, "norm_stats": stats, "act_token_id": 301}


HEADS = {
    "mlp": {"kind": "mlp", "width": 32, "blocks": 1, "horizon": 4},
    "lstm": {"kind": "lstm", "width": 24, "cells": 2, "horizon": 3},
    "diffusion": {"kind": "diffusion", "width": 32, "blocks": 2, "iterations": 5, "horizon": 4},
}
MLP_RESNETS = {
    "oft": ({"mlp_head": {"width": 32, "blocks": 2, "outputs": 7, "state_dim": 8},
             "num_actions_chunk": 2}, 7 * 48),
    "vote_1t": ({"mlp_head": {"width": 32, "blocks": 2, "outputs": 56}}, 48),
    "vote_2t": ({"mlp_head": {"width": 32, "blocks": 1, "outputs": 56},
                 "num_action_tokens": 2}, 48),
}  # fmt: skip


@pytest.fixture(scope="session")
def headed_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small checkpoints of OpenVLA's trunk under each continuous head, by the head's name."""
    pytest.importorskip("torch")
    from roboecc_core.backends.random_weights import write_headed, write_mlp_resnet

    folders = {}
    for name, head in HEADS.items():
        folders[name] = tmp_path_factory.mktemp(name)
        write_headed(folders[name], {**_openvla_tiny_config(), "roboecc_head": head}, seed=2)
    for name, (more, inputs) in MLP_RESNETS.items():
        folders[name] = tmp_path_factory.mktemp(name)
        config = {**_openvla_tiny_config(), **more}
        write_mlp_resnet(folders[name], config, seed=2, inputs=inputs)
    return folders


def _reference_folder(name: str) -> Path:
    """A tiny checkpoint with the original implementation's tensors, beside the checkout."""
    for parent in Path(__file__).resolve().parents:
        folder = parent / "shared" / "data" / "checkpoints" / name
        if folder.is_dir():
            return folder
    pytest.skip("the reference checkpoints are not beside the checkout")


@pytest.fixture
def openvla_tiny() -> Path:
    return _reference_folder("openvla-tiny")


@pytest.fixture
def cogact_tiny() -> Path:
    return _reference_folder("cogact-tiny")
