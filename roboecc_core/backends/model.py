# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What every VLA family offers, and the loading of any range of its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from roboecc_core.backends.checkpoint import (
    MANIFEST_NAME,
    CheckpointFolder,
    Manifest,
    Source,
    layer_digest,
    load_parameters,
)
from roboecc_core.data_plane.codec import torch_dtype
from roboecc_core.data_plane.segment import Segment
from roboecc_core.errors import CheckpointError
from roboecc_core.planning.structure import LayerChain

Progress = Callable[[int, int], None]  # (layers done, layers in all)


class Model(Protocol):
    """A VLA family's model: structure, layers, and what goes in and comes out."""

    chain: LayerChain
    checkpoint: CheckpointFolder

    def build_layer(self, index: int) -> tuple[nn.Module, Mapping[str, Source]]:
        """Return a layer's operation on the meta device and where its parameters lie."""
        ...

    def observe(self, image: npt.NDArray[np.uint8], instruction: str) -> dict[str, torch.Tensor]:
        """Turn an RGB image `(height, width, 3)` and a sentence into the chain's inputs."""
        ...


def load_layer(model: Model, index: int) -> nn.Module:
    """Load one layer in the checkpoint's dtype, on the CPU, memory-mapped where possible."""
    module, sources = model.build_layer(index)
    return load_parameters(module, sources, model.checkpoint)


def digest_model(model: Model, progress: Progress | None = None) -> Manifest:
    """Read every layer once and return the manifest; nothing is written."""
    digests = []
    for index in range(model.chain.num_layers):
        digests.append(layer_digest(load_layer(model, index)))
        if progress:
            progress(index + 1, model.chain.num_layers)
    return Manifest.build(model.chain, model.checkpoint.config, digests)


def manifest_path(model: Model) -> Path:
    """Where the model's manifest lies."""
    return model.checkpoint.folder / MANIFEST_NAME


def load_segment(
    model: Model,
    indices: Iterable[int],
    manifest: Manifest,
    *,
    device: torch.device,
    progress: Progress | None = None,
) -> Segment:
    """Load exactly these layers, check each against the manifest, move it to the device.

    A layer's weights get the dtype that the chain declares for them.

    Raises:
        CheckpointError: a layer is missing, damaged, or not the manifest's.
    """
    if manifest.layer_names != tuple(layer.name for layer in model.chain.layers):
        raise CheckpointError(
            f"{str(manifest_path(model))!r} lists other layers than config.json implies; "
            "write it again with 'roboecc models digest'"
        )
    wanted = sorted(set(indices))
    operations, resident_bytes = {}, 0
    for done, index in enumerate(wanted, start=1):
        module = load_layer(model, index)
        if layer_digest(module) != manifest.layer_digests[index]:
            raise CheckpointError(
                f"layer {manifest.layer_names[index]!r} in {str(model.checkpoint.folder)!r} "
                "differs from its manifest; the checkpoint was changed or damaged: fetch it "
                "again, or write the manifest again with 'roboecc models digest'"
            )
        weights = model.chain.layers[index].weights
        dtype = torch_dtype(weights[0].dtype) if weights else None
        operation = module.to(device=device, dtype=dtype).eval()
        resident_bytes += sum(p.numel() * p.element_size() for p in operation.parameters())
        operations[index] = operation
        if progress:
            progress(done, len(wanted))
    return Segment(model.chain, operations, device=device, resident_bytes=resident_bytes)
