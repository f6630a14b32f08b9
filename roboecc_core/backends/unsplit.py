# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""OpenVLA run whole, by transformers' own `forward` of every block and its own KV cache.

The yardstick of the split: it shares the checkpoint's files with the layers of `openvla`
and none of their code for blocks, cache, positions or masks.
"""

from __future__ import annotations

import dataclasses
from typing import cast

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaForCausalLM

from roboecc_core.backends.checkpoint import CheckpointFolder, Source
from roboecc_core.backends.model import load_layer
from roboecc_core.backends.openvla import OpenVla, text_config
from roboecc_core.backends.vision_towers import PatchEmbed, library_block
from roboecc_core.planning.openvla import VisionTower
from roboecc_core.types import ACTION_DIM

_DINO_NAMES = {
    "attention.o_proj": "attn.proj",
    "layer_scale1.lambda1": "ls1.scale_factor",
    "layer_scale2.lambda1": "ls2.scale_factor",
}
_SIGLIP_NAMES = {
    "layer_norm1": "norm1",
    "layer_norm2": "norm2",
    "self_attn.out_proj": "attn.proj",
}


@dataclasses.dataclass(frozen=True, slots=True)
class UnsplitResult:
    """Tokens `(7,)` and the logits `(7, vocab)` that they were chosen from."""

    tokens: torch.Tensor
    logits: torch.Tensor


class UnsplitOpenVla:
    """The whole model in one process, without segments, frames or spans."""

    def __init__(self, model: OpenVla, dtype: torch.dtype = torch.float32) -> None:
        folder = model.checkpoint
        layers = {layer.name: index for index, layer in enumerate(model.chain.layers)}
        self._towers = model.structure.towers
        self._embeds: list[PatchEmbed] = []
        self._blocks: list[nn.ModuleList] = []
        for tower in self._towers:
            embed = load_layer(model, layers[f"{tower.prefix}.embed"]).to(dtype)
            self._embeds.append(cast(PatchEmbed, embed))
            blocks = [_tower_block(tower, i, folder) for i in range(tower.num_used_blocks)]
            self._blocks.append(nn.ModuleList(blocks).to(dtype).eval())
        self._projector = {
            name: folder.tensor(Source(f"projector.{name}")).to(dtype)
            for name in (f"fc{i}.{kind}" for i in (1, 2, 3) for kind in ("weight", "bias"))
        }
        self._language = _language_model(folder).to(dtype).eval()

    @torch.inference_mode()
    def run(self, inputs: dict[str, torch.Tensor]) -> UnsplitResult:
        """Run one step on the chain's inputs `image` and `prompt_ids`."""
        projected = self._project(self._features(inputs["image"]))
        text = self._language.get_input_embeddings()(inputs["prompt_ids"])
        embeds = torch.cat((text[:, :1], projected, text[:, 1:]), dim=1)
        output = self._language(inputs_embeds=embeds, use_cache=True, logits_to_keep=1)
        tokens, logits = [], []
        for _ in range(ACTION_DIM):
            logits.append(output.logits[0, -1])
            tokens.append(logits[-1].argmax())
            if len(tokens) < ACTION_DIM:
                output = self._language(
                    input_ids=tokens[-1].reshape(1, 1),
                    past_key_values=output.past_key_values,
                    use_cache=True,
                    logits_to_keep=1,
                )
        return UnsplitResult(torch.stack(tokens), torch.stack(logits))

    def _features(self, image: torch.Tensor) -> torch.Tensor:
        features = []
        for tower, embed, blocks in zip(self._towers, self._embeds, self._blocks, strict=True):
            pixels = image.permute(0, 3, 1, 2).float() / 255.0
            mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (tower.mean, tower.std))
            hidden = embed.embed((pixels - mean) / std)
            for block in blocks:
                hidden = block(hidden, attention_mask=None)
            features.append(hidden[:, tower.num_prefix_tokens :])
        return torch.cat(features, dim=2)

    def _project(self, features: torch.Tensor) -> torch.Tensor:
        fc = self._projector
        x = functional.gelu(functional.linear(features, fc["fc1.weight"], fc["fc1.bias"]))
        x = functional.gelu(functional.linear(x, fc["fc2.weight"], fc["fc2.bias"]))
        return functional.linear(x, fc["fc3.weight"], fc["fc3.bias"])


def _tower_block(tower: VisionTower, index: int, folder: CheckpointFolder) -> nn.Module:
    """Return transformers' own block with timm's tensors under its own names."""
    block = library_block(tower)
    names = _DINO_NAMES if tower.num_registers else _SIGLIP_NAMES
    state = {}
    for name in block.state_dict():
        timm_name = name
        for ours, theirs in names.items():
            timm_name = timm_name.replace(ours, theirs)
        key = f"{tower.key}.blocks.{index}.{timm_name}"
        part, of = 0, 1
        for third, letter in enumerate("qkv"):
            if f"{letter}_proj" in name:
                kind = name.rpartition(".")[2]
                key, part, of = f"{tower.key}.blocks.{index}.attn.qkv.{kind}", third, 3
        state[name] = folder.tensor(Source(key, part, of))
    block.load_state_dict(state)
    return block


def _language_model(folder: CheckpointFolder) -> LlamaForCausalLM:
    language = LlamaForCausalLM(text_config(folder.config))
    state = {
        name: folder.tensor(Source(f"language_model.{name}")) for name in language.state_dict()
    }
    language.load_state_dict(state)
    return language
