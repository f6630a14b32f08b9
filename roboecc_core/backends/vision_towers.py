# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The two vision towers of the OpenVLA family on transformers' own blocks, by timm's keys.

The last block, the final norm and SigLIP's pooling are never loaded.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from transformers import Dinov2WithRegistersConfig, SiglipVisionConfig
from transformers.models.dinov2_with_registers.modeling_dinov2_with_registers import (
    Dinov2WithRegistersLayer,
)
from transformers.models.siglip.modeling_siglip import SiglipEncoderLayer

from roboecc_core.backends.checkpoint import Source
from roboecc_core.backends.transformer_blocks import (
    AddProjected,
    Attention,
    Expand,
    Norm,
    Qkv,
    Tensors,
)
from roboecc_core.data_plane.segment import LayerContext
from roboecc_core.planning.openvla import PATCH_SIZE_PX, VisionTower
from roboecc_core.planning.structure import Layer

Built = tuple[nn.Module, Mapping[str, Source]]


def library_block(tower: VisionTower) -> nn.Module:
    """Return transformers' own block of this tower's kind and size."""
    if tower.num_registers:
        dino = Dinov2WithRegistersConfig(
            hidden_size=tower.width,
            num_attention_heads=tower.num_heads,
            mlp_ratio=tower.mlp_width // tower.width,
            attn_implementation="sdpa",
        )
        layer: nn.Module = Dinov2WithRegistersLayer(dino)
        return layer
    siglip = SiglipVisionConfig(
        hidden_size=tower.width,
        num_attention_heads=tower.num_heads,
        intermediate_size=tower.mlp_width,
        hidden_act="gelu",  # timm's so400m uses the exact GELU
        attn_implementation="sdpa",
    )
    block: nn.Module = SiglipEncoderLayer(siglip)
    return block


def build_tower_layer(tower: VisionTower, layer: Layer, image_size_px: int) -> Built:
    """Return a layer's operation on the meta device and where its parameters lie."""
    rest = layer.name.removeprefix(f"{tower.prefix}.")
    if layer.attention is not None:
        return Attention(layer.attention), {}
    with torch.device("meta"):
        if rest == "embed":
            return _embed(tower, tower.num_patches(image_size_px))
        number, _, operation = rest.partition(".")
        block = library_block(tower)
    return _block_layer(tower, block, f"{tower.key}.blocks.{number}", operation)


# where transformers' two kinds of block keep what a pre-norm block is made of
_DINO_PATHS = {"norm1": "norm1", "norm2": "norm2", "attention": "attention", "out": "o_proj"}
_SIGLIP_PATHS = {
    "norm1": "layer_norm1",
    "norm2": "layer_norm2",
    "attention": "self_attn",
    "out": "out_proj",
}


def _block_layer(tower: VisionTower, block: nn.Module, key: str, operation: str) -> Built:
    paths = _DINO_PATHS if tower.num_registers else _SIGLIP_PATHS
    part = block.get_submodule
    match operation:
        case "norm1" | "norm2":
            return Norm(part(paths[operation])), _weight_and_bias("norm", f"{key}.{operation}")
        case "qkv":
            return Qkv(*(part(f"{paths['attention']}.{name}_proj") for name in "qkv")), {
                f"{name}.{kind}": Source(f"{key}.attn.qkv.{kind}", third, 3)
                for third, name in enumerate("qkv")
                for kind in ("weight", "bias")
            }
        case "attention_out":
            projection = part(f"{paths['attention']}.{paths['out']}")
            return _add_projected(tower, block, projection, f"{key}.attn.proj", f"{key}.ls1")
        case "mlp_up":
            expand = Expand(part("mlp.fc1"), part("mlp.activation_fn"))
            return expand, _weight_and_bias("up", f"{key}.mlp.fc1")
    return _add_projected(tower, block, part("mlp.fc2"), f"{key}.mlp.fc2", f"{key}.ls2")


def _add_projected(
    tower: VisionTower, block: nn.Module, projection: nn.Module, key: str, scale_key: str
) -> Built:
    sources = _weight_and_bias("projection", key)
    if not tower.num_registers:
        return AddProjected(projection), sources
    sources["scale.lambda1"] = Source(f"{scale_key}.{tower.scale_name}")
    return AddProjected(projection, block.get_submodule(f"layer_scale{scale_key[-1]}")), sources


def _embed(tower: VisionTower, num_patches: int) -> Built:
    sources = _weight_and_bias("projection", f"{tower.key}.patch_embed.proj")
    sources["positions"] = Source(f"{tower.key}.pos_embed")
    if tower.num_registers:
        sources["class_token"] = Source(f"{tower.key}.cls_token")
        sources["registers"] = Source(f"{tower.key}.reg_token")
    return PatchEmbed(tower, num_patches), sources


class PatchEmbed(nn.Module):
    """Pixels to tokens: normalise, cut into patches, add positions, prepend the prefix."""

    def __init__(self, tower: VisionTower, num_patches: int) -> None:
        super().__init__()
        self.mean, self.std = tower.mean, tower.std
        self.projection = nn.Conv2d(3, tower.width, PATCH_SIZE_PX, stride=PATCH_SIZE_PX)
        self.positions = nn.Parameter(torch.empty(1, num_patches, tower.width))
        if tower.num_registers:
            self.class_token = nn.Parameter(torch.empty(1, 1, tower.width))
            self.registers = nn.Parameter(torch.empty(1, tower.num_registers, tower.width))

    def forward(self, _context: LayerContext, image: torch.Tensor) -> Tensors:
        """Map uint8 RGB images `(n, height, width, 3)` to `(n, prefix + patches, width)`."""
        pixels = image.permute(0, 3, 1, 2).float() / 255.0
        mean = torch.tensor(self.mean, device=pixels.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(1, 3, 1, 1)
        return (self.embed((pixels - mean) / std),)

    def embed(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map normalised pixels `(n, 3, height, width)` to tokens."""
        patches: torch.Tensor = self.projection(pixels.to(self.projection.weight.dtype))
        tokens = patches.flatten(2).transpose(1, 2) + self.positions
        if not hasattr(self, "registers"):
            return tokens
        prefix = torch.cat((self.class_token, self.registers), dim=1)
        return torch.cat((prefix.expand(len(tokens), -1, -1), tokens), dim=1)


def _weight_and_bias(name: str, key: str) -> dict[str, Source]:
    return {f"{name}.{kind}": Source(f"{key}.{kind}") for kind in ("weight", "bias")}
