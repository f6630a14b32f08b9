# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""OpenVLA's structure from its config.json: two vision towers, projector, Llama, bins.

Facts: openvla/openvla-7b's config.json and model code at c8f03f4, timm's sizes. Only the
blocks up to the second-to-last of each tower feed the language model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from roboecc_core.errors import CheckpointError
from roboecc_core.planning.assembly import assemble
from roboecc_core.planning.chain import LayerChain
from roboecc_core.planning.description import (
    Backbone,
    Detokenizer,
    Head,
    ModelDescription,
    Tower,
)
from roboecc_core.types import ACTION_DIM

PATCH_SIZE_PX = 14
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HALF = (0.5, 0.5, 0.5)
_NOMINAL_PROMPT_TOKENS = 28  # LIBERO's mean prompt; real steps take any length


@dataclasses.dataclass(frozen=True, slots=True)
class VisionTower:
    """One ViT.

    Attributes:
        prefix: of its layers and tensors.
        key: of its tensors in the checkpoint.
        width, depth, num_heads, mlp_width: its size; `depth` counts the unused last block.
        num_registers: register tokens; a tower with registers has a class token as well,
            LayerScale, and no position for these (timm's reg4, `no_embed_class`).
        mean, std: its pixel normalisation.
        scale_name: LayerScale's parameter in the checkpoint.
    """

    prefix: str
    key: str
    width: int
    depth: int
    num_heads: int
    mlp_width: int
    num_registers: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    scale_name: str

    @property
    def num_used_blocks(self) -> int:
        """Blocks whose output counts: features are the second-to-last block's."""
        return self.depth - 1

    @property
    def num_prefix_tokens(self) -> int:
        """Class and register tokens in front of the patches."""
        return self.num_registers + 1 if self.num_registers else 0

    def num_patches(self, image_size_px: int) -> int:
        """How many patches a square image makes."""
        return (image_size_px // PATCH_SIZE_PX) ** 2

    def description(self, image_size_px: int) -> Tower:
        """Return the same sizes as a model description has them."""
        return Tower(
            name=self.prefix,
            width=self.width,
            depth=self.depth,
            num_heads=self.num_heads,
            mlp_width=self.mlp_width,
            image_px=image_size_px,
            patch_px=PATCH_SIZE_PX,
            prefix_tokens=self.num_prefix_tokens,
            unused_blocks=1,
            has_scale=self.num_registers > 0,
            final_norm="unused",
            has_unused_pool=self.num_registers == 0,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class OpenVlaStructure:
    """The sizes that shape an OpenVLA chain.

    Attributes:
        name: the model's.
        image_size_px: of the square image that the towers take.
        towers: in chain order.
        width, mlp_width, num_blocks, num_heads, num_kv_heads, vocab_size: of the decoder.
    """

    name: str
    image_size_px: int
    towers: tuple[VisionTower, ...]
    width: int
    mlp_width: int
    num_blocks: int
    num_heads: int
    num_kv_heads: int
    vocab_size: int

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, name: str, layout: TowerLayout | None = None
    ) -> OpenVlaStructure:
        """Read the sizes from a config.json; `model_name` in it overrides `name`.

        `layout` says how the checkpoint's tensors are called; None = as OpenVLA's.

        Raises:
            CheckpointError: a field is missing or of the wrong kind.
        """
        layout = layout or OPENVLA_TOWERS
        try:
            text = {**_LLAMA_2_7B, **config["text_config"]}
            return cls(
                name=str(config.get("model_name", name)),
                image_size_px=int(config["image_sizes"][0]),
                towers=towers_from_config(config, layout),
                width=int(text["hidden_size"]),
                mlp_width=int(text["intermediate_size"]),
                num_blocks=int(text["num_hidden_layers"]),
                num_heads=int(text["num_attention_heads"]),
                num_kv_heads=int(text.get("num_key_value_heads", text["num_attention_heads"])),
                vocab_size=int(text["vocab_size"]),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CheckpointError(
                f"config.json of {name!r} is no {layout.family}'s: {error!r}"
            ) from error

    @property
    def num_patches(self) -> int:
        """Image tokens in front of the prompt."""
        return self.towers[0].num_patches(self.image_size_px)

    def chain(self, dtype: str) -> LayerChain:
        """Return the layer chain with activations and weights of this dtype."""
        return assemble(self.description(dtype), image_px=self.image_size_px)

    def description(self, dtype: str, head: Head | None = None) -> ModelDescription:
        """Return the same sizes as a model description, with OpenVLA's own head or another."""
        fused_width = sum(tower.width for tower in self.towers)
        return ModelDescription(
            name=self.name,
            description="an OpenVLA checkpoint",
            source="its config.json",
            towers=tuple(tower.description(self.image_size_px) for tower in self.towers),
            projector=(fused_width, 4 * fused_width, self.width, self.width),
            backbone=Backbone(
                name="llama",
                width=self.width,
                depth=self.num_blocks,
                num_heads=self.num_heads,
                num_kv_heads=self.num_kv_heads,
                mlp_width=self.mlp_width,
                vocab_size=self.vocab_size,
            ),
            head=head or Detokenizer(ACTION_DIM),
            prompt_tokens=_NOMINAL_PROMPT_TOKENS,
            dtype=dtype,
        )


# what OpenVLA's config.json leaves to Llama-2-7B and to `LlamaConfig()`
_LLAMA_2_7B = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32064,
}


@dataclasses.dataclass(frozen=True, slots=True)
class TowerLayout:
    """How a family's checkpoints call their towers.

    Attributes:
        family: for messages.
        keys: a tower's prefix to its key in the checkpoint, in chain order.
        scale_name: LayerScale's parameter (timm says `gamma`).
    """

    family: str
    keys: Mapping[str, str]
    scale_name: str


OPENVLA_TOWERS = TowerLayout(
    "OpenVLA",
    {"dino": "vision_backbone.featurizer", "siglip": "vision_backbone.fused_featurizer"},
    "scale_factor",
)

# timm's own sizes: (width, depth, heads, MLP ratio, registers, mean, std)
_TIMM: Mapping[str, tuple[int, int, int, float, int, tuple[Any, ...], tuple[Any, ...]]] = {
    "vit_large_patch14_reg4_dinov2.lvd142m": (
        1024, 24, 16, 4.0, 4, _IMAGENET_MEAN, _IMAGENET_STD,
    ),
    "vit_so400m_patch14_siglip_224": (1152, 27, 16, 3.7362, 0, _HALF, _HALF),
}  # fmt: skip


def towers_from_config(config: Mapping[str, Any], layout: TowerLayout) -> tuple[VisionTower, ...]:
    """Return the towers that a config names, in chain order.

    `timm_model_args`, a list of `{embed_dim, depth, num_heads}`, overrides timm's sizes.

    Raises:
        CheckpointError: a timm id is not one of the known ones.
    """
    ids = config.get("timm_model_ids") or list(_TIMM)
    overrides = config.get("timm_model_args") or [{}] * len(ids)
    towers = []
    for (prefix, key), timm_id, override in zip(layout.keys.items(), ids, overrides, strict=True):
        if timm_id not in _TIMM:
            raise CheckpointError(f"vision tower {timm_id!r} is unknown; known: {sorted(_TIMM)}")
        width, depth, heads, ratio, registers, mean, std = _TIMM[timm_id]
        width = int(override.get("embed_dim", width))
        towers.append(
            VisionTower(
                prefix=prefix,
                key=key,
                width=width,
                depth=int(override.get("depth", depth)),
                num_heads=int(override.get("num_heads", heads)),
                mlp_width=int(width * ratio),
                num_registers=registers,
                mean=mean,
                std=std,
                scale_name=layout.scale_name,
            )
        )
    return tuple(towers)
