# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The encoder's layers: towers, a depth branch, the projector into the backbone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from roboecc_core.planning.chain import Layer, TensorIo, TensorSpec, Weight
from roboecc_core.planning.depth import TAPPED_BLOCKS, depth_layer
from roboecc_core.planning.description import ModelDescription, Tower
from roboecc_core.planning.transformer import Stream, linear, norm_weights

_CHANNELS = 3
_IMAGE_PATCHES = 256  # of the image tower beside a depth branch: 224 px by 14
POINT_FEATURES = 204  # four points a patch, 3 coordinates at 8 frequencies and plain


def tower_stream(tower: Tower, *, num_images: int, dtype: str) -> Stream:
    """Return a tower's residual stream."""
    side = tower.image_px // tower.patch_px
    # BEiT: every offset in two dimensions, and three for the class token
    table = (2 * side - 1) ** 2 + 3 if tower.has_position_table else 0
    return Stream(
        prefix=tower.name,
        stage="encoder",
        phases=("vision",),
        rows=tower.num_rows,
        width=tower.width,
        mlp_width=tower.mlp_width,
        q_width=tower.width,
        kv_width=tower.width,
        dtype=dtype,
        num_heads=tower.num_heads,
        batch=num_images,
        has_scale=tower.has_scale,
        position_table=table,
    )


def tower_layers(tower: Tower, stream: Stream) -> list[Layer]:
    """Patch embedding, the blocks that count, and a depth branch's neck and heads."""
    layers = [_patch_embed(tower, stream)]
    for index in range(tower.depth - tower.unused_blocks):
        layers += stream.block_layers(index)
    layers = [_tapped(layer, stream) if tower.depth_head else layer for layer in layers]
    if tower.final_norm == "used":
        hidden = (stream.named("hidden"),)
        io = {"vision": TensorIo(hidden, hidden)}
        name = stream.named("norm")
        weights = norm_weights("norm", tower.width, stream.dtype, stream.norm)
        layers.append(Layer(name, name, "encoder", io, "norm", weights))
    if tower.depth_head:
        layers.append(depth_layer(stream, side=tower.image_px // tower.patch_px))
    unused = _unused_weights(tower, stream)
    layers[-1] = dataclasses.replace(layers[-1], weights=(*layers[-1].weights, *unused))
    return layers


def tower_tensors(tower: Tower, stream: Stream) -> list[TensorSpec]:
    """Every tensor of a tower."""
    specs = stream.tensor_specs()
    if tower.depth_head:
        shape = (stream.batch, stream.rows, stream.width)
        specs += [TensorSpec(_tap(stream, i), stream.dtype, shape) for i in TAPPED_BLOCKS]
        shape = (stream.batch, _IMAGE_PATCHES, POINT_FEATURES)
        specs.append(TensorSpec(stream.named("points"), stream.dtype, shape))
    return specs


def _tap(stream: Stream, index: int) -> str:
    return stream.named(f"tap.{index}")


def _tapped(layer: Layer, stream: Stream) -> Layer:
    """Let the blocks that a depth neck reads write their result a second time."""
    for index in TAPPED_BLOCKS:
        if layer.name == stream.named(f"{index}.mlp_down"):
            io = layer.io["vision"]
            writes = (*io.writes, _tap(stream, index))
            return dataclasses.replace(layer, io={"vision": TensorIo(io.reads, writes)})
    return layer


def _patch_embed(tower: Tower, stream: Stream) -> Layer:
    width, dtype = tower.width, stream.dtype
    patches = (stream.batch, tower.num_patches)
    kernel = (width, _CHANNELS, tower.patch_px, tower.patch_px)
    positions = 0 if tower.has_position_table else tower.num_patches + tower.prefix_positions
    weights = [
        Weight("projection.weight", kernel, dtype, rows=patches),
        Weight("projection.bias", (width,), dtype, "vector"),
    ]
    if positions:
        weights.append(Weight("positions", (1, positions, width), dtype, "vector"))
    if tower.prefix_tokens:
        weights.append(Weight("prefix", (1, tower.prefix_tokens, width), dtype, "vector"))
    io = {"vision": TensorIo(("image",), (stream.named("hidden"),))}
    name = stream.named("embed")
    return Layer(name, name, "encoder", io, "linear", tuple(weights))


def _unused_weights(tower: Tower, stream: Stream) -> list[Weight]:
    """What the checkpoint holds beside the tower and no step reads."""
    width, dtype = tower.width, stream.dtype
    weights: list[Weight] = []
    for index in range(tower.depth - tower.unused_blocks, tower.depth):
        for layer in stream.block_layers(index):
            weights += layer.weights
    if tower.final_norm == "unused":
        weights += norm_weights("final_norm", width, dtype, stream.norm)
    if tower.has_unused_pool:  # timm's AttentionPoolLatent: one latent query and an MLP
        weights += [Weight("pool.latent", (1, 1, width), dtype)]
        weights += linear("pool.q", width, width, dtype)
        weights += linear("pool.kv", width, 2 * width, dtype)
        weights += linear("pool.out", width, width, dtype)
        weights += norm_weights("pool.norm", width, dtype, "layer")
        weights += linear("pool.up", width, tower.mlp_width, dtype)
        weights += linear("pool.down", tower.mlp_width, width, dtype)
    return [dataclasses.replace(weight, use="unused") for weight in weights]


def projector_layers(model: ModelDescription, streams: Sequence[Stream]) -> list[Layer]:
    """The MLP into the backbone, and beside it the way in of the robot's own state."""
    reads = tuple(
        stream.named("points" if tower.depth_head else "hidden")
        for tower, stream in zip(model.towers, streams, strict=True)
    )
    weights: list[Weight] = []
    rows = (model.num_images, model.towers[0].num_patches)
    if any(tower.depth_head for tower in model.towers):  # SpatialVLA's Ego3D position MLP
        first = model.projector[0]
        weights += linear("ego3d.0", POINT_FEATURES, first, model.dtype, rows=rows)
        weights += norm_weights("ego3d.norm", first, model.dtype, "layer")
        weights += linear("ego3d.2", first, first, model.dtype, rows=rows)
    for number, (inputs, outputs) in enumerate(
        zip(model.projector, model.projector[1:], strict=False), start=1
    ):
        weights += linear(f"fc{number}", inputs, outputs, model.dtype, rows=rows)
    io = {"vision": TensorIo(reads, ("projected",))}
    layers = [Layer("projector", "projector", "encoder", io, "linear", tuple(weights))]
    if model.proprio_dim:
        width = model.backbone.width
        state = (
            *linear("fc1", model.proprio_dim, width, model.dtype),
            *linear("fc2", width, width, model.dtype),
        )
        proprio = {"vision": TensorIo(("proprio",), ("proprio_token",))}
        layers.append(Layer("proprio", "proprio", "encoder", proprio, "linear", state))
    return layers
