# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What the layers of a segment write while it runs, kept for a comparison."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import torch

from roboecc_core.data_plane.segment import LayerContext, LayerOperation, Segment


@dataclasses.dataclass(frozen=True, slots=True)
class Write:
    """One tensor as one run of one layer wrote it."""

    layer: str
    phase: str
    iteration: int
    tensor: str
    value: torch.Tensor


class Recording:
    """A segment that remembers what its layers write.

    Args:
        segment: its layers are shared, it is not changed.
        tensors: names to remember; None = all.
    """

    def __init__(self, segment: Segment, tensors: Iterable[str] | None = None) -> None:
        self.writes: list[Write] = []
        self._wanted = None if tensors is None else frozenset(tensors)
        self.segment = Segment(
            segment.chain,
            {i: self._recorded(i, op, segment) for i, op in segment.operations.items()},
            device=segment.device,
            resident_bytes=segment.resident_bytes,
        )

    def of(self, tensor: str, *, layer: str = "", phase: str = "") -> list[torch.Tensor]:
        """Return a tensor's values in order; of one layer or phase only, if named."""
        return [
            write.value
            for write in self.writes
            if write.tensor == tensor and layer in ("", write.layer) and phase in ("", write.phase)
        ]

    def _recorded(self, index: int, operation: LayerOperation, segment: Segment) -> LayerOperation:
        layer = segment.chain.layers[index]

        def run(context: LayerContext, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
            results = operation(context, *tensors)
            for name, value in zip(layer.io[context.phase].writes, results, strict=True):
                if self._wanted is None or name in self._wanted:
                    write = Write(layer.name, context.phase, context.iteration, name, value)
                    self.writes.append(write)
            return results

        return run
