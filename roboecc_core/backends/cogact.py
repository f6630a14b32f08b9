# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""CogACT, run layer by layer from its own checkpoint layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from roboecc_core.backends.actions import ActionStatistics, UnnormaliseActions
from roboecc_core.backends.checkpoint import CheckpointFolder, Source
from roboecc_core.backends.dit_layers import build_dit_layer
from roboecc_core.backends.observation import EMPTY_TOKEN, PromptEncoder, square_image
from roboecc_core.backends.trunk import COGACT_KEYS, Trunk, llama_config
from roboecc_core.backends.vision_towers import Built
from roboecc_core.planning.cogact import (
    DDIM_STEPS,
    DIT_SIZES,
    GUIDANCE_SCALE,
    CogActStructure,
)

RMS_NORM_EPS = 1e-5  # Llama-2's own config, which CogACT loads
_END_TOKEN = 2  # the prompt's last token; its hidden state is the cognition


class CogAct:
    """A CogACT checkpoint of any size.

    Args:
        checkpoint: the folder: config.json, dataset_statistics.json, checkpoints/*.pt.
        dtype: name of the trunk's dtype; the action model stays in float32.
        unnorm_key: whose statistics scale the actions; may be left out when there is one set.
        noise: where each step's noise is drawn from; None = a generator seeded with 0.
        ddim_steps: iterations of the sampler.
        guidance_scale: of classifier-free guidance; 1 or less = none.

    Raises:
        ConfigError: `unnorm_key` is missing or unknown; lists the known ones.
        CheckpointError: config.json lacks a field.
    """

    def __init__(
        self,
        checkpoint: CheckpointFolder,
        *,
        dtype: str,
        unnorm_key: str = "",
        noise: torch.Generator | None = None,
        ddim_steps: int = DDIM_STEPS,
        guidance_scale: float = GUIDANCE_SCALE,
    ) -> None:
        self.checkpoint = checkpoint
        config = _with_sizes(checkpoint)
        self.structure = CogActStructure.from_config(
            config,
            name=checkpoint.folder.name,
            ddim_steps=ddim_steps,
            guidance_scale=guidance_scale,
        )
        self.chain = self.structure.chain(dtype)
        self.guidance_scale = guidance_scale
        self.statistics = ActionStatistics.from_config(config, unnorm_key)
        trunk, text = self.structure.trunk, llama_config(config, rms_norm_eps=RMS_NORM_EPS)
        self.trunk = Trunk(trunk, text, COGACT_KEYS, feature_rows=1)
        self.action_key = action_key(checkpoint)
        self._noise = noise or torch.Generator().manual_seed(0)
        self._prompt = PromptEncoder(
            checkpoint.folder,
            max_tokens=text.max_position_embeddings - trunk.num_patches,
            suffix=[int(config.get("empty_token_id", EMPTY_TOKEN)), _END_TOKEN],
        )

    def build_layer(self, index: int) -> Built:
        """Return a layer's operation on the meta device and where its parameters lie."""
        layer, head = self.chain.layers[index], self.structure.head
        if layer.name == "unnormalise":
            operation = UnnormaliseActions(
                self.statistics, action_dim=head.action_dim, rounds_gripper=True
            )
            return operation, {}
        if layer.stage == "decoder":
            width = self.structure.trunk.width
            return build_dit_layer(head, layer, self.action_key, width, self.guidance_scale)
        return self.trunk.build_layer(layer)

    def observe(self, image: npt.NDArray[np.uint8], instruction: str) -> dict[str, torch.Tensor]:
        """Turn an RGB image and a sentence into `image`, `prompt_ids` and the noise, `sample`.

        Raises:
            ConfigError: the image has no three channels, or the prompt is too long.
        """
        head = self.structure.head
        shape = (1, head.horizon, head.action_dim)
        return {
            "image": square_image(image, self.structure.trunk.image_size_px),
            "prompt_ids": self._prompt.ids(instruction),
            "sample": torch.randn(shape, generator=self._noise),
        }


def action_key(checkpoint: CheckpointFolder) -> str:
    """Return where the action model lies: its averaged (EMA) weights when there are any."""
    averaged = any(key.startswith("ema_diffusion.net.") for key in checkpoint.keys())  # noqa: SIM118
    return "ema_diffusion.net" if averaged else "action_model.net"


def _with_sizes(checkpoint: CheckpointFolder) -> Mapping[str, Any]:
    """Add the action model's size where config.json leaves it to the program that loads it."""
    config = checkpoint.config
    if config.get("action_model_args") or config.get("action_model_type"):
        return config
    key = f"{action_key(checkpoint)}.x_embedder.linear.weight"
    width = checkpoint.tensor(Source(key)).shape[0]
    kinds = [kind for kind, sizes in DIT_SIZES.items() if sizes["hidden_size"] == width]
    return {**config, "action_model_type": kinds[0]} if kinds else config
