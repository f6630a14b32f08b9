# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""OpenVLA, run layer by layer from its Hugging Face checkpoint folder."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import nn
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import (
    LlamaDecoderLayer,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
)

from roboecc_core.backends.checkpoint import CheckpointFolder, Source
from roboecc_core.backends.openvla_layers import (
    ActionStatistics,
    DetokenizeActions,
    EmbedPrompt,
    FuseAndProject,
    NextToken,
)
from roboecc_core.backends.transformer_blocks import AddProjected, Attention, Expand, Norm, Qkv
from roboecc_core.backends.vision_towers import Built, build_tower_layer
from roboecc_core.errors import CheckpointError, ConfigError
from roboecc_core.planning.openvla import OpenVlaStructure
from roboecc_core.types import ACTION_DIM

PROMPT = "In: What action should the robot take to {}?\nOut:"
# Llama's token for a lone blank, which the prompt ends with in training and which its
# tokenizer does not emit here (openvla's predict_action appends it).
EMPTY_TOKEN = 29871
_LLAMA = "language_model.model"
_RGB_CHANNELS = 3


class OpenVla:
    """An OpenVLA checkpoint of any size.

    Args:
        checkpoint: the folder; layout of openvla/openvla-7b.
        dtype: name of the activations' dtype, to check what arrives.
        unnorm_key: whose statistics turn bins into actions; may be left out when the
            checkpoint has one set only.

    Raises:
        ConfigError: `unnorm_key` is missing or unknown; lists the known ones.
        CheckpointError: config.json lacks a field.
    """

    def __init__(self, checkpoint: CheckpointFolder, *, dtype: str, unnorm_key: str = "") -> None:
        self.checkpoint = checkpoint
        self.structure = OpenVlaStructure.from_config(
            checkpoint.config, name=checkpoint.folder.name
        )
        self.chain = self.structure.chain(dtype)
        self._text = text_config(checkpoint.config)
        self._statistics = ActionStatistics.from_config(checkpoint.config, unnorm_key)

    def build_layer(self, index: int) -> Built:
        """Return a layer's operation on the meta device and where its parameters lie."""
        prefix, _, rest = self.chain.layers[index].name.partition(".")
        for tower in self.structure.towers:
            if prefix == tower.prefix:
                return build_tower_layer(tower, rest, self.structure.image_size_px)
        if prefix == "llama":
            number, _, operation = rest.partition(".")
            return self._block_layer(f"{_LLAMA}.layers.{number}", operation)
        return self._single_layer(prefix)

    def _single_layer(self, name: str) -> Built:
        width, vocab_size = self.structure.width, self.structure.vocab_size
        if name == "detokenize":
            padding = int(self.checkpoint.config.get("pad_to_multiple_of", 64))
            return DetokenizeActions(vocab_size - padding, self._statistics), {}
        with torch.device("meta"):
            match name:
                case "projector":
                    projector = FuseAndProject(self.structure.towers, width)
                    parameters = [n for n, _ in projector.named_parameters()]
                    return projector, {n: Source(f"projector.{n}") for n in parameters}
                case "embed":
                    table = EmbedPrompt(vocab_size, width)
                    return table, {"table.weight": Source(f"{_LLAMA}.embed_tokens.weight")}
                case "norm":
                    norm = Norm(LlamaRMSNorm(width, eps=self._text.rms_norm_eps))
                    return norm, {"norm.weight": Source(f"{_LLAMA}.norm.weight")}
            head = NextToken(width, vocab_size, ACTION_DIM)
            return head, {"head.weight": Source("language_model.lm_head.weight")}

    def _block_layer(self, key: str, operation: str) -> Built:
        with torch.device("meta"):
            block = LlamaDecoderLayer(self._text, 0)
        attention, mlp = block.self_attn, block.mlp
        match operation:
            case "norm1":
                source = Source(f"{key}.input_layernorm.weight")
                return Norm(block.input_layernorm), {"norm.weight": source}
            case "qkv":
                return Qkv(attention.q_proj, attention.k_proj, attention.v_proj), {
                    f"{n}.weight": Source(f"{key}.self_attn.{n}_proj.weight") for n in "qkv"
                }
            case "attention":
                return Attention(head_dim=attention.head_dim, rotary=self._rotary), {}
            case "attention_out":
                source = Source(f"{key}.self_attn.o_proj.weight")
                return AddProjected(attention.o_proj), {"projection.weight": source}
            case "norm2":
                source = Source(f"{key}.post_attention_layernorm.weight")
                return Norm(block.post_attention_layernorm), {"norm.weight": source}
            case "mlp_up":
                return Expand(mlp.up_proj, mlp.act_fn, mlp.gate_proj), {
                    f"{n}.weight": Source(f"{key}.mlp.{n}_proj.weight") for n in ("up", "gate")
                }
        source = Source(f"{key}.mlp.down_proj.weight")
        return AddProjected(mlp.down_proj), {"projection.weight": source}

    @functools.cached_property
    def _rotary(self) -> nn.Module:
        rotary: nn.Module = LlamaRotaryEmbedding(self._text)
        return rotary

    @functools.cached_property
    def _tokenizer(self) -> Tokenizer:
        file = self.checkpoint.folder / "tokenizer.json"
        try:
            return Tokenizer.from_str(file.read_text(encoding="utf-8"))
        except Exception as error:  # the library raises bare Exception
            raise CheckpointError(f"cannot read {str(file)!r}: {error}") from error

    def observe(self, image: npt.NDArray[np.uint8], instruction: str) -> dict[str, torch.Tensor]:
        """Turn an RGB image `(height, width, 3)` and a sentence into `image`, `prompt_ids`.

        Raises:
            ConfigError: the image has no three channels, or the prompt is too long.
        """
        if image.shape[2:] != (_RGB_CHANNELS,) or image.dtype != np.uint8:
            raise ConfigError(
                f"image is {image.dtype} {image.shape}; expected uint8 (height, width, 3) RGB"
            )
        size = self.structure.image_size_px
        if image.shape[:2] != (size, size):
            whole = Image.fromarray(image)
            image = np.asarray(whole.resize((size, size), Image.Resampling.BICUBIC))
        return {
            "image": torch.from_numpy(np.array(image)).unsqueeze(0),
            "prompt_ids": torch.tensor([self._prompt_ids(instruction)]),
        }

    def _prompt_ids(self, instruction: str) -> list[int]:
        empty_token = int(self.checkpoint.config.get("empty_token_id", EMPTY_TOKEN))
        ids = [*self._tokenizer.encode(PROMPT.format(instruction.lower())).ids, empty_token]
        room = self._text.max_position_embeddings - self.structure.num_patches - ACTION_DIM
        if len(ids) > room:
            raise ConfigError(
                f"the instruction makes {len(ids)} prompt tokens, at most {room} fit; shorten it"
            )
        return ids


def text_config(config: Mapping[str, Any]) -> LlamaConfig:
    """Return Llama's config; what config.json leaves out is OpenVLA's `LlamaConfig()` default.

    OpenVLA builds its decoder from `LlamaConfig` defaults, so the norm's epsilon is 1e-6,
    not Llama-2's own 1e-5.
    """
    fields = {"vocab_size": 32064, "rms_norm_eps": 1e-6, **config["text_config"]}
    fields.pop("model_type", None)
    return LlamaConfig(**fields, attn_implementation="sdpa")
