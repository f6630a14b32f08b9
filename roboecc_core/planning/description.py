# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What a VLA is made of, as data: [S_enc, S_bac, S_dec] of the paper's Eq. 1.

The built-in models and a user's own YAML file are the same records; `assembly` turns one
into a layer chain. A field that is left out takes the default written here.
"""

from __future__ import annotations

import dataclasses

from roboecc_core.errors import ConfigError


@dataclasses.dataclass(frozen=True, slots=True)
class Tower:
    """One ViT of the encoder.

    Attributes:
        name: prefix of its layers and tensors.
        width, depth, num_heads, mlp_width: its size; `depth` counts unused blocks too.
        image_px, patch_px: sides of the square image that it sees and of a patch.
        prefix_tokens: class and register tokens in front of the patches.
        prefix_positions: how many of them have a position of their own.
        unused_blocks: last blocks that lie in the checkpoint and that nothing reads.
        has_scale: LayerScale.
        final_norm: "used", "unused" (in the checkpoint only) or "none".
        has_unused_pool: an attention pool in the checkpoint that nothing reads.
        has_position_table: relative position bias in each block instead of positions (BEiT).
        depth_head: its taps go through a DPT neck and metric depth heads (ZoeDepth).
    """

    name: str
    width: int
    depth: int
    num_heads: int
    mlp_width: int
    image_px: int = 224
    patch_px: int = 14
    prefix_tokens: int = 0
    prefix_positions: int = 0
    unused_blocks: int = 0
    has_scale: bool = False
    final_norm: str = "none"
    has_unused_pool: bool = False
    has_position_table: bool = False
    depth_head: bool = False

    @property
    def num_patches(self) -> int:
        """How many patches an image makes."""
        return (self.image_px // self.patch_px) ** 2

    @property
    def num_rows(self) -> int:
        """Rows of its stream."""
        return self.num_patches + self.prefix_tokens


@dataclasses.dataclass(frozen=True, slots=True)
class Backbone:
    """The language model.

    Attributes:
        name: prefix of its layers and tensors.
        head_dim: 0 = width / num_heads.
        vocab_size: entries of the embedding table.
        norms_per_block: 4 where a block norms its results too (Gemma 2).
        is_causal: False where a position sees later ones as well.
        has_output_head: whether the checkpoint has one apart from the embedding table.
        extra_embeddings: entries of a second table (SpatialVLA's spatial tokens).
    """

    name: str
    width: int
    depth: int
    num_heads: int
    num_kv_heads: int
    mlp_width: int
    vocab_size: int
    head_dim: int = 0
    norms_per_block: int = 2
    is_causal: bool = True
    has_output_head: bool = True
    extra_embeddings: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Detokenizer:
    """Action tokens, one a pass through the backbone, and a table that reads them."""

    tokens: int
    action_dim: int = 7
    horizon: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Mlp:
    """A residual MLP on the backbone's last hidden states, run once.

    Attributes:
        feature_rows: hidden states that it takes from a pass.
        passes: of the backbone; all but the first see one token.
        rows: its own rows; the features are folded into them.
        width, blocks: of the hidden layers.
    """

    width: int
    blocks: int
    feature_rows: int = 1
    passes: int = 1
    rows: int = 1
    action_dim: int = 7
    horizon: int = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Lstm:
    """A stack of LSTM cells, unrolled one action at a time."""

    width: int
    cells: int
    action_dim: int = 7
    horizon: int = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Diffusion:
    """A denoiser without a transformer: residual MLP blocks on the flat chunk, iterated."""

    width: int
    blocks: int
    iterations: int
    action_dim: int = 7
    horizon: int = 16
    dtype: str = "float32"


@dataclasses.dataclass(frozen=True, slots=True)
class Dit:
    """A diffusion transformer conditioned on one hidden state, iterated.

    Attributes:
        guidance_batch: sequences side by side; 2 with classifier-free guidance.
    """

    width: int
    depth: int
    num_heads: int
    mlp_width: int
    iterations: int
    guidance_batch: int = 2
    action_dim: int = 7
    horizon: int = 16
    dtype: str = "float32"


@dataclasses.dataclass(frozen=True, slots=True)
class Expert:
    """A second transformer that reads the backbone's keys and values, iterated (pi0)."""

    width: int
    depth: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    mlp_width: int
    iterations: int
    action_dim: int = 32
    horizon: int = 50


Head = Detokenizer | Mlp | Lstm | Diffusion | Dit | Expert
HEADS: dict[str, type[Head]] = {
    "detokenizer": Detokenizer,
    "mlp": Mlp,
    "lstm": Lstm,
    "diffusion": Diffusion,
    "dit": Dit,
    "expert": Expert,
}


@dataclasses.dataclass(frozen=True, slots=True)
class ModelDescription:
    """A VLA.

    Attributes:
        description: one line for people.
        source: where the sizes are from.
        projector: widths of the MLP between encoder and backbone, input and output included.
        prompt_tokens: of the nominal prompt, begin token and appended ones included.
        slot_tokens: empty positions behind the prompt (OFT's action slots, a proprio token).
        num_images: cameras.
        proprio_dim: numbers of the robot's state that go in through an MLP; 0 = none.
        dtype: of activations and, unless a head has its own, weights.
    """

    name: str
    description: str
    source: str
    towers: tuple[Tower, ...]
    projector: tuple[int, ...]
    backbone: Backbone
    head: Head
    prompt_tokens: int
    slot_tokens: int = 0
    num_images: int = 1
    proprio_dim: int = 0
    dtype: str = "bfloat16"

    def __post_init__(self) -> None:
        if self.projector[-1] != self.backbone.width:
            raise ConfigError(
                f"projector ends with width {self.projector[-1]}, expected the backbone's "
                f"{self.backbone.width}"
            )
        for tower in self.towers:
            if tower.width % tower.num_heads:
                raise ConfigError(
                    f"tower {tower.name!r}: width {tower.width} is not a multiple of its "
                    f"{tower.num_heads} heads"
                )

    @property
    def image_tokens(self) -> int:
        """Tokens that the images put in front of the prompt."""
        return self.num_images * self.towers[0].num_patches

    @property
    def prefill_rows(self) -> int:
        """Rows of the backbone's first pass."""
        return self.image_tokens + self.prompt_tokens + self.slot_tokens
