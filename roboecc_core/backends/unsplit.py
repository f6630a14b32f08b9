# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Models run whole, by transformers' own `forward` of every block and its own KV cache.

The yardstick of the split: it shares the checkpoint's files with the layers of a family and
none of their code for blocks, cache, positions or masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaForCausalLM, LlamaModel

from roboecc_core.backends.checkpoint import CheckpointFolder, Source
from roboecc_core.backends.model import Model, load_layer
from roboecc_core.backends.openvla import OpenVla
from roboecc_core.backends.trunk import Trunk
from roboecc_core.backends.vision_towers import PatchEmbed, library_block
from roboecc_core.data_plane.codec import torch_dtype
from roboecc_core.planning.openvla import VisionTower
from roboecc_core.types import ACTION_DIM

Trace = Mapping[str, Sequence[torch.Tensor]]
"""By the name of a tensor of the chain: the last values that it takes in a step, in order."""


class Unsplit(Protocol):
    """A model in one process, without segments, frames or spans."""

    def run(self, inputs: Mapping[str, torch.Tensor]) -> Trace:
        """Run one step on the chain's inputs; the trace holds `actions` at least."""
        ...


class TrunkModel(Model, Protocol):
    """A family that has OpenVLA's trunk."""

    trunk: Trunk


_DINO_NAMES = {
    "attention.o_proj": "attn.proj",
    "layer_scale1.lambda1": "ls1.{scale}",
    "layer_scale2.lambda1": "ls2.{scale}",
}
_SIGLIP_NAMES = {
    "layer_norm1": "norm1",
    "layer_norm2": "norm2",
    "self_attn.out_proj": "attn.proj",
}


class UnsplitTrunk:
    """Vision towers, projector and language model, the latter with its output head or not."""

    def __init__(self, model: TrunkModel, *, has_head: bool) -> None:
        folder, trunk = model.checkpoint, model.trunk
        dtype = torch_dtype(model.chain.tensors["projected"].dtype)
        self._towers = trunk.structure.towers
        self._embeds: list[PatchEmbed] = []
        self._blocks: list[nn.ModuleList] = []
        for tower in self._towers:
            embed = load_layer(model, model.chain.index_of(f"{tower.prefix}.embed")).to(dtype)
            self._embeds.append(cast(PatchEmbed, embed))
            blocks = [_tower_block(tower, i, folder) for i in range(tower.num_used_blocks)]
            self._blocks.append(nn.ModuleList(blocks).to(dtype).eval())
        self._projector = [
            (
                folder.tensor(Source(f"{k}.weight")).to(dtype),
                folder.tensor(Source(f"{k}.bias")).to(dtype),
            )
            for k in trunk.keys.projector
        ]
        self.language = _language_model(trunk, folder, dtype, has_head=has_head).eval()

    def embeds(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the language model's input `(1, rows, width)` for `image` and `prompt_ids`."""
        projected = self._project(self._features(inputs["image"])).flatten(0, 1).unsqueeze(0)
        text = self.language.get_input_embeddings()(inputs["prompt_ids"])
        return torch.cat((text[:, :1], projected, text[:, 1:]), dim=1)

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

    def _project(self, x: torch.Tensor) -> torch.Tensor:
        *first, last = self._projector
        for weight, bias in first:
            x = functional.gelu(functional.linear(x, weight, bias))
        return functional.linear(x, *last)


class UnsplitOpenVla:
    """OpenVLA: a prefill and six decode passes of `LlamaForCausalLM`."""

    def __init__(self, model: OpenVla) -> None:
        self._trunk = UnsplitTrunk(model, has_head=True)
        self._detokenize, _ = model.build_layer(model.chain.index_of("detokenize"))

    @torch.inference_mode()
    def run(self, inputs: Mapping[str, torch.Tensor]) -> Trace:
        """Return the logits of each token, the tokens `(7,)` and the actions."""
        language = self._trunk.language
        output = language(
            inputs_embeds=self._trunk.embeds(inputs), use_cache=True, logits_to_keep=1
        )
        tokens, logits = [], []
        for _ in range(ACTION_DIM):
            logits.append(output.logits[:, -1])
            tokens.append(logits[-1][0].argmax())
            if len(tokens) < ACTION_DIM:
                output = language(
                    input_ids=tokens[-1].reshape(1, 1),
                    past_key_values=output.past_key_values,
                    use_cache=True,
                    logits_to_keep=1,
                )
        actions = self._detokenize(None, torch.stack(tokens))
        return {"logits": logits, "tokens": [torch.stack(tokens)], "actions": actions}


def _tower_block(tower: VisionTower, index: int, folder: CheckpointFolder) -> nn.Module:
    """Return transformers' own block with timm's tensors under its own names."""
    block = library_block(tower)
    names = _DINO_NAMES if tower.num_registers else _SIGLIP_NAMES
    state = {}
    for name in block.state_dict():
        timm_name = name
        for ours, theirs in names.items():
            timm_name = timm_name.replace(ours, theirs.format(scale=tower.scale_name))
        key = f"{tower.key}.blocks.{index}.{timm_name}"
        part, of = 0, 1
        for third, letter in enumerate("qkv"):
            if f"{letter}_proj" in name:
                kind = name.rpartition(".")[2]
                key, part, of = f"{tower.key}.blocks.{index}.attn.qkv.{kind}", third, 3
        state[name] = folder.tensor(Source(key, part, of))
    block.load_state_dict(state)
    return block


def _language_model(
    trunk: Trunk, folder: CheckpointFolder, dtype: torch.dtype, *, has_head: bool
) -> Any:
    """Return transformers' whole model with the checkpoint's tensors under its own names.

    Its weights get the dtype; moving the module would round the rotary frequencies as well.
    """
    language = LlamaForCausalLM(trunk.text) if has_head else LlamaModel(trunk.text)
    state = {}
    for name in language.state_dict():
        rest = name.removeprefix("model.")
        is_head = name == "lm_head.weight"
        key = f"{trunk.keys.output_head}.weight" if is_head else f"{trunk.keys.language}.{rest}"
        state[name] = folder.tensor(Source(key)).to(dtype)
    language.load_state_dict(state, assign=True)
    return language
