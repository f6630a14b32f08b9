# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A transformer tower's blocks as cuttable layers: names, tensors and sizes, no weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from roboecc_core.planning.structure import Layer, TensorIo, TensorSpec


@dataclasses.dataclass(frozen=True, slots=True)
class Stream:
    """One tower's residual stream: names its tensors and layers after `prefix`.

    Attributes:
        prefix: of every tensor and layer name, e.g. "llama".
        stage: "encoder" or "backbone".
        phases: those in which the tower runs.
        rows: rows of its tensors: a number, or the name of a phase's dimension.
        width, mlp_width, q_width, kv_width: last dimensions.
        dtype: of the activations.
    """

    prefix: str
    stage: str
    phases: tuple[str, ...]
    rows: int | str
    width: int
    mlp_width: int
    q_width: int
    kv_width: int
    dtype: str

    def named(self, tensor: str) -> str:
        """Return the full name of one of the tower's tensors."""
        return f"{self.prefix}.{tensor}"

    def tensor_specs(self) -> list[TensorSpec]:
        """Every tensor that the tower's blocks read or write."""
        widths = {
            "hidden": self.width,
            "normed": self.width,
            "q": self.q_width,
            "k": self.kv_width,
            "v": self.kv_width,
            "context": self.q_width,
            "expanded": self.mlp_width,
        }
        return [
            TensorSpec(self.named(n), self.dtype, (1, self.rows, w)) for n, w in widths.items()
        ]

    def block_layers(self, index: int) -> list[Layer]:
        """The seven layers of one block."""
        block = f"{self.prefix}.{index}"
        return [
            self._layer(block, "norm1", ("hidden",), ("normed",)),
            self._layer(block, "qkv", ("normed",), ("q", "k", "v")),
            self._layer(block, "attention", ("q", "k", "v"), ("context",)),
            self._layer(block, "attention_out", ("context", "hidden"), ("hidden",)),
            self._layer(block, "norm2", ("hidden",), ("normed",)),
            self._layer(block, "mlp_up", ("normed",), ("expanded",)),
            self._layer(block, "mlp_down", ("expanded", "hidden"), ("hidden",)),
        ]

    def _layer(
        self, block: str, operation: str, reads: Iterable[str], writes: Iterable[str]
    ) -> Layer:
        io = TensorIo(tuple(map(self.named, reads)), tuple(map(self.named, writes)))
        name = f"{block}.{operation}"
        return Layer(name, block, self.stage, dict.fromkeys(self.phases, io))
