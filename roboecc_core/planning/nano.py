# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The sizes of `nano`, the small model of the OpenVLA structure that needs no download."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

NANO = "nano"
_FORMAT = 1  # raised when the same seed would give other bytes


def nano_config(seed: int) -> dict[str, Any]:
    """Return config.json of `nano`, in openvla/openvla-7b's form."""
    action = {
        # a policy without skill moves 4 mm and 0.03 rad a step at most
        "q01": [-0.004, -0.004, -0.004, -0.03, -0.03, -0.03, 0.0],
        "q99": [0.004, 0.004, 0.004, 0.03, 0.03, 0.03, 1.0],
        "mask": [True] * 6 + [True],
    }
    return {
        "model_type": "openvla",
        "model_name": NANO,
        "weights": f"random, seed {seed}",
        "image_sizes": [112, 112],
        "timm_model_ids": [
            "vit_large_patch14_reg4_dinov2.lvd142m",
            "vit_so400m_patch14_siglip_224",
        ],
        "timm_model_args": [
            {"embed_dim": 64, "depth": 4, "num_heads": 4},
            {"embed_dim": 72, "depth": 4, "num_heads": 4},
        ],
        "text_config": {
            "model_type": "llama",
            "hidden_size": 128,
            "intermediate_size": 344,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "vocab_size": 640,
            "max_position_embeddings": 512,
        },
        "pad_to_multiple_of": 64,
        "n_action_bins": 256,
        "empty_token_id": 2,
        "norm_stats": {"random": {"action": action}},
    }


def nano_folder(seed: int) -> Path:
    """Return where `nano` of this seed lies (`ROBOECC_CACHE`, else the user's cache)."""
    cache = os.environ.get("ROBOECC_CACHE")
    root = Path(cache) if cache else Path.home() / ".cache" / "roboecc"
    return root / "models" / f"{NANO}-v{_FORMAT}-seed{seed}"
