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
