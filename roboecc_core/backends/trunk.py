# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What OpenVLA and its kin share: two vision towers, a projector and a Llama decoder.

The families differ in how their checkpoints call these, and in what comes behind.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import (
    LlamaDecoderLayer,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
)

from roboecc_core.backends.checkpoint import Source
from roboecc_core.backends.openvla_layers import EmbedPrompt, FuseAndProject, LastRows
from roboecc_core.backends.transformer_blocks import (
    AddProjected,
    Attention,
    Expand,
    Norm,
    Qkv,
    Rotary,
)
from roboecc_core.backends.vision_towers import Built, build_tower_layer
from roboecc_core.planning.openvla import OpenVlaStructure
from roboecc_core.planning.structure import Layer


@dataclasses.dataclass(frozen=True, slots=True)
class TrunkKeys:
    """Where a family's checkpoints keep the trunk.

    Attributes:
        projector: of its three linear maps.
        language: in front of `embed_tokens`, `layers.N` and `norm`.
        output_head: of the language model's own head.
    """

    projector: tuple[str, str, str]
    language: str
    output_head: str


OPENVLA_KEYS = TrunkKeys(
    ("projector.fc1", "projector.fc2", "projector.fc3"),
    "language_model.model",
    "language_model.lm_head",
)
COGACT_KEYS = TrunkKeys(
    ("projector.projector.0", "projector.projector.2", "projector.projector.4"),
    "llm_backbone.llm.model",
    "llm_backbone.llm.lm_head",
)


class Trunk:
    """Builds the layers up to the decoder's final norm.

    Args:
        structure: sizes.
        text: the decoder's config.
        keys: where its tensors lie.
        feature_rows: last rows of a pass that the final norm hands on; 0 = all of them.
        rows_behind: how many rows come after these.
    """

    def __init__(
        self,
        structure: OpenVlaStructure,
        text: LlamaConfig,
        keys: TrunkKeys,
        *,
        feature_rows: int = 0,
        rows_behind: int = 0,
    ) -> None:
        self.structure = structure
        self.text = text
        self.keys = keys
        self._feature_rows = feature_rows
        self._rows_behind = rows_behind

    def build_layer(self, layer: Layer) -> Built:
        """Return a layer's operation on the meta device and where its parameters lie."""
        prefix, _, rest = layer.name.partition(".")
        for tower in self.structure.towers:
            if prefix == tower.prefix:
                return build_tower_layer(tower, layer, self.structure.image_size_px)
        if layer.attention is not None:
            return Attention(layer.attention, rotary=self._rotary), {}
        if prefix == "llama":
            number, _, operation = rest.partition(".")
            return self._block_layer(f"{self.keys.language}.layers.{number}", operation)
        with torch.device("meta"):
            return self._single_layer(prefix)

    def _single_layer(self, name: str) -> Built:
        structure, language = self.structure, self.keys.language
        match name:
            case "projector":
                projector = FuseAndProject(structure.towers, structure.width)
                return projector, {
                    f"fc{number}.{kind}": Source(f"{key}.{kind}")
                    for number, key in enumerate(self.keys.projector, start=1)
                    for kind in ("weight", "bias")
                }
            case "embed":
                table = EmbedPrompt(structure.vocab_size, structure.width)
                return table, {"table.weight": Source(f"{language}.embed_tokens.weight")}
        norm = LlamaRMSNorm(structure.width, eps=self.text.rms_norm_eps)
        operation: nn.Module = Norm(norm)
        if self._feature_rows:
            operation = LastRows(norm, self._feature_rows, behind=self._rows_behind)
        return operation, {"norm.weight": Source(f"{language}.norm.weight")}

    def _block_layer(self, key: str, operation: str) -> Built:
        with torch.device("meta"):
            block = LlamaDecoderLayer(self.text, 0)
        attention, mlp = block.self_attn, block.mlp
        match operation:
            case "norm1":
                source = Source(f"{key}.input_layernorm.weight")
                return Norm(block.input_layernorm), {"norm.weight": source}
            case "qkv":
                return Qkv(attention.q_proj, attention.k_proj, attention.v_proj), {
                    f"{n}.weight": Source(f"{key}.self_attn.{n}_proj.weight") for n in "qkv"
                }
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
    def _rotary(self) -> Rotary:
        return Rotary(LlamaRotaryEmbedding(self.text))


def llama_config(config: Mapping[str, Any], *, rms_norm_eps: float) -> LlamaConfig:
    """Return Llama's config from a config.json's `text_config` and the family's epsilon.

    OpenVLA builds its decoder from `LlamaConfig` defaults, so the norm's epsilon is 1e-6;
    CogACT loads Llama-2's own config, which says 1e-5. A `text_config` overrides both.
    """
    fields = {"vocab_size": 32064, "rms_norm_eps": rms_norm_eps, **config.get("text_config", {})}
    for name in ("model_type", "torch_dtype"):
        fields.pop(name, None)
    return LlamaConfig(**fields, attn_implementation="sdpa")
