# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""OpenVLA, run layer by layer from its Hugging Face checkpoint folder."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from roboecc_core.backends.actions import ActionStatistics, DetokenizeActions
from roboecc_core.backends.checkpoint import CheckpointFolder, Source
from roboecc_core.backends.observation import EMPTY_TOKEN, PromptEncoder, square_image
from roboecc_core.backends.openvla_layers import NextToken
from roboecc_core.backends.trunk import OPENVLA_KEYS, Trunk, llama_config
from roboecc_core.backends.vision_towers import Built
from roboecc_core.planning.openvla import OpenVlaStructure
from roboecc_core.types import ACTION_DIM

RMS_NORM_EPS = 1e-6  # OpenVLA builds its decoder from `LlamaConfig` defaults


class OpenVla:
    """An OpenVLA checkpoint of any size.

    Args:
        checkpoint: the folder; layout of openvla/openvla-7b.
        dtype: name of the activations' and weights' dtype.
        unnorm_key: whose statistics turn bins into actions; may be left out when the
            checkpoint has one set only.
        centre_crop: keep the middle 0.9 of an image, for models that were trained so.

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
        centre_crop: bool = False,
    ) -> None:
        config = checkpoint.config
        self.checkpoint = checkpoint
        self.structure = OpenVlaStructure.from_config(config, name=checkpoint.folder.name)
        self.chain = self.structure.chain(dtype)
        text = llama_config(config, rms_norm_eps=RMS_NORM_EPS)
        self.trunk = Trunk(self.structure, text, OPENVLA_KEYS)
        self._statistics = ActionStatistics.from_config(config, unnorm_key)
        self._centre_crop = centre_crop
        self._prompt = PromptEncoder(
            checkpoint.folder,
            max_tokens=text.max_position_embeddings - self.structure.num_patches - ACTION_DIM,
            suffix=[int(config.get("empty_token_id", EMPTY_TOKEN))],
        )

    def build_layer(self, index: int) -> Built:
        """Return a layer's operation on the meta device and where its parameters lie."""
        layer = self.chain.layers[index]
        width, vocab_size = self.structure.width, self.structure.vocab_size
        if layer.name == "detokenize":
            padding = int(self.checkpoint.config.get("pad_to_multiple_of", 64))
            return DetokenizeActions(vocab_size - padding, self._statistics), {}
        if layer.name == "head":
            with torch.device("meta"):
                head = NextToken(width, vocab_size, ACTION_DIM)
            return head, {"head.weight": Source(f"{self.trunk.keys.output_head}.weight")}
        return self.trunk.build_layer(layer)

    def observe(self, image: npt.NDArray[np.uint8], instruction: str) -> dict[str, torch.Tensor]:
        """Turn an RGB image `(height, width, 3)` and a sentence into `image`, `prompt_ids`.

        Raises:
            ConfigError: the image has no three channels, or the prompt is too long.
        """
        size = self.structure.image_size_px
        return {
            "image": square_image(image, size, centre_crop=self._centre_crop),
            "prompt_ids": self._prompt.ids(instruction),
        }
