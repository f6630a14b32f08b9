# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""ZoeDepth behind its BEiT tower: DPT neck, relative head and two metric heads, as one layer.

Sizes: transformers' ZoeDepth modules with the published zoedepth-nyu-kitti configuration
(neck 256/512/1024/1024, fusion 256, bottleneck 256, patch transformer 4 x 128).
"""

from __future__ import annotations

from collections.abc import Iterator

from roboecc_core.planning.chain import Layer, TensorIo, Weight
from roboecc_core.planning.transformer import Stream, linear, norm_weights

TAPPED_BLOCKS = (5, 11, 17, 23)
_NECK = (256, 512, 1024, 1024)
_SCALES = (4.0, 2.0, 1.0, 0.5)  # side of each neck level, in the tower's patches
_FUSION = 256
_EMBEDDING, _BINS, _ATTRACTORS, _LEVELS = 128, 64, 16, 4


def depth_layer(stream: Stream, *, side: int) -> Layer:
    """Return the depth branch behind its tower; it gives 3D features for each image patch."""
    reads = tuple(stream.named(f"tap.{index}") for index in TAPPED_BLOCKS)
    io = {"vision": TensorIo(reads, (stream.named("points"),))}
    name = stream.named("depth")
    weights = (
        *_neck(stream, side),
        *_relative_head(stream.dtype, side),
        *_metric_heads(stream.dtype, side),
    )
    return Layer(name, name, "encoder", io, "linear", weights)


def _conv(
    name: str, sizes: tuple[int, int, int], *, pixels: int, dtype: str, bias: bool = True
) -> Iterator[Weight]:
    inputs, outputs, size = sizes
    kernel = (outputs, inputs, size, size)
    yield Weight(f"{name}.weight", kernel, dtype, rows=(pixels,))
    if bias:
        yield Weight(f"{name}.bias", (outputs,), dtype, "vector")


def _neck(stream: Stream, side: int) -> Iterator[Weight]:
    width, dtype, patches = stream.width, stream.dtype, side * side
    for level, (channels, scale) in enumerate(zip(_NECK, _SCALES, strict=True)):
        pixels = int(side * scale) ** 2
        yield from linear(f"readout{level}", 2 * width, width, dtype, rows=(patches,))
        yield from _conv(f"project{level}", (width, channels, 1), pixels=patches, dtype=dtype)
        if scale > 1:  # a transposed convolution: every input pixel makes scale x scale
            yield from _conv(
                f"resize{level}", (channels, channels, int(scale)), pixels=patches, dtype=dtype
            )
        elif scale < 1:
            yield from _conv(f"resize{level}", (channels, channels, 3), pixels=pixels, dtype=dtype)
        yield from _conv(
            f"neck{level}", (channels, _FUSION, 3), pixels=pixels, dtype=dtype, bias=False
        )
        for unit in range(4):
            yield from _conv(
                f"fusion{level}.{unit}", (_FUSION, _FUSION, 3), pixels=pixels, dtype=dtype
            )
        yield from _conv(
            f"fusion{level}.out", (_FUSION, _FUSION, 1), pixels=4 * pixels, dtype=dtype
        )


def _relative_head(dtype: str, side: int) -> Iterator[Weight]:
    pixels = (8 * side) ** 2
    yield from _conv("relative.conv1", (_FUSION, _FUSION // 2, 3), pixels=pixels, dtype=dtype)
    yield from _conv("relative.conv2", (_FUSION // 2, 32, 3), pixels=4 * pixels, dtype=dtype)
    yield from _conv("relative.conv3", (32, 1, 1), pixels=4 * pixels, dtype=dtype)


def _metric_heads(dtype: str, side: int) -> Iterator[Weight]:
    """Both domains' heads lie in the checkpoint; a picture runs through one of them."""
    width, low = _EMBEDDING, (side // 2) ** 2
    yield from _conv("bottleneck", (_FUSION, _FUSION, 1), pixels=low, dtype=dtype)
    yield from _conv("patches", (_FUSION, width, 1), pixels=low, dtype=dtype)
    for block in range(4):
        for name in ("q", "k", "v", "out"):
            yield from linear(f"patch{block}.{name}", width, width, dtype, rows=(low,))
        yield from linear(f"patch{block}.up", width, 1024, dtype, rows=(low,))
        yield from linear(f"patch{block}.down", 1024, width, dtype, rows=(low,))
        for number in (1, 2):
            yield from norm_weights(f"patch{block}.norm{number}", width, dtype, "layer")
    yield from linear("classifier1", width, width, dtype, rows=(1,))
    yield from linear("classifier2", width, 2, dtype, rows=(1,))
    for name, pixels in (("seed", low), *((f"level{i}", low * 4**i) for i in range(1, 5))):
        yield from _conv(f"{name}.1", (_FUSION, width // 2, 1), pixels=pixels, dtype=dtype)
        yield from _conv(f"{name}.2", (width // 2, width, 1), pixels=pixels, dtype=dtype)
    for domain, used in (("nyu", 1), ("kitti", 0)):
        yield from _conv(f"{domain}.seed1", (_FUSION, _BINS, 1), pixels=used * low, dtype=dtype)
        yield from _conv(f"{domain}.seed2", (_BINS, _BINS, 1), pixels=used * low, dtype=dtype)
        for level in range(1, _LEVELS + 1):
            pixels = used * low * 4**level
            first, second = f"{domain}.attract{level}.1", f"{domain}.attract{level}.2"
            yield from _conv(first, (width, width, 1), pixels=pixels, dtype=dtype)
            yield from _conv(second, (width, _ATTRACTORS, 1), pixels=pixels, dtype=dtype)
        pixels = used * (16 * side) ** 2
        yield from _conv(f"{domain}.binomial1", (width + 32, 40, 1), pixels=pixels, dtype=dtype)
        yield from _conv(f"{domain}.binomial2", (40, 4, 1), pixels=pixels, dtype=dtype)
