# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Models of a size that a CPU can run and a stopwatch can see; random weights in the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roboecc_core.backends.nano import cached_checkpoint
from roboecc_core.backends.random_weights import write_openvla
from roboecc_core.planning.nano import nano_config, nano_folder

_FORMAT = 3  # raised when the same seed would give other bytes


def medium_config() -> dict[str, Any]:
    """Return config.json of an OpenVLA whose step takes some 1.4 s on one CPU core.

    About what OpenVLA-7B takes on the paper's Orin (1.12 s), and as many rows as it has (256
    patches); fewer and narrower blocks.
    """
    return {
        **nano_config(0),
        "model_name": "medium",
        "image_sizes": [224, 224],
        "timm_model_args": [
            {"embed_dim": 256, "depth": 5, "num_heads": 4},
            {"embed_dim": 288, "depth": 5, "num_heads": 4},
        ],
        "text_config": {
            "model_type": "llama",
            "hidden_size": 1280,
            "intermediate_size": 3456,
            "num_hidden_layers": 7,
            "num_attention_heads": 10,
            "vocab_size": 640,
        },
    }


def medium_checkpoint() -> Path:
    """Return its folder, writing it (0.6 GB) if it is not there."""
    folder = nano_folder(0).with_name(f"medium-v{_FORMAT}")
    return cached_checkpoint(folder, lambda target: write_openvla(target, medium_config(), 0))
