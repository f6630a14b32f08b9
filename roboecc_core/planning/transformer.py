# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A transformer tower's blocks as cuttable layers: names, tensors, weights, no values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from roboecc_core.planning.chain import Attention, Dim, Layer, TensorIo, TensorSpec, Weight


def linear(
    name: str,
    inputs: int,
    outputs: int,
    dtype: str,
    *,
    bias: bool = True,
    rows: tuple[Dim, ...] | None = None,
) -> tuple[Weight, ...]:
    """Return the weights of one linear map, `(outputs, inputs)` and its bias."""
    matrix = Weight(f"{name}.weight", (outputs, inputs), dtype, rows=rows)
    return (matrix, Weight(f"{name}.bias", (outputs,), dtype, "vector")) if bias else (matrix,)


def norm_weights(name: str, width: int, dtype: str, style: str) -> tuple[Weight, ...]:
    """Return a norm's weights: "layer" has scale and bias, "rms" a scale, "plain" none."""
    kinds = {"layer": ("weight", "bias"), "rms": ("weight",), "plain": ()}[style]
    return tuple(Weight(f"{name}.{kind}", (width,), dtype, "vector") for kind in kinds)


@dataclasses.dataclass(frozen=True, slots=True)
class Stream:
    """One tower's residual stream: names its tensors and layers after `prefix`.

    Attributes:
        prefix: of every tensor and layer name, e.g. "llama".
        stage: "encoder", "backbone" or "decoder".
        phases: those in which the tower runs.
        rows: rows of its tensors: a number, or the name of a phase's dimension.
        width, mlp_width, q_width, kv_width: last dimensions.
        dtype: of activations and weights.
        num_heads: of the queries.
        keys: positions that attention looks at; None = its own rows.
        batch: how many sequences run side by side.
        norm: "layer", "rms" or "plain" (no weights).
        has_gate: whether the MLP multiplies with a gated copy.
        has_bias: whether projections carry one.
        has_scale: LayerScale behind attention and MLP.
        norms_per_block: 2, or 4 where a block also norms its results (Gemma 2).
        position_table: entries of a relative position bias, a head's share each; 0 = none.
        is_causal, has_cache: of its attention.
        exports_kv: whether keys and values of each block stay readable as `kv.<block>`.
        joint_prefix: prefix of the stream whose exported keys and values it attends to.
    """

    prefix: str
    stage: str
    phases: tuple[str, ...]
    rows: Dim
    width: int
    mlp_width: int
    q_width: int
    kv_width: int
    dtype: str
    num_heads: int = 1
    keys: Dim | None = None
    batch: int = 1
    norm: str = "layer"
    has_gate: bool = False
    has_bias: bool = True
    has_scale: bool = False
    norms_per_block: int = 2
    position_table: int = 0
    is_causal: bool = False
    has_cache: bool = False
    exports_kv: bool = False
    joint_prefix: str = ""

    def named(self, tensor: str) -> str:
        """Return the full name of one of the tower's tensors."""
        return f"{self.prefix}.{tensor}"

    def tensor_specs(self, num_blocks: int = 0) -> list[TensorSpec]:
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
        exported = range(num_blocks) if self.exports_kv else range(0)
        widths |= {f"kv.{index}": 2 * self.kv_width for index in exported}
        return [
            TensorSpec(self.named(n), self.dtype, (self.batch, self.rows, w))
            for n, w in widths.items()
        ]

    def block_layers(self, index: int) -> list[Layer]:
        """The seven layers of one block."""
        block, width, q_width = f"{self.prefix}.{index}", self.width, self.q_width
        joint = (f"{self.joint_prefix}.kv.{index}",) if self.joint_prefix else ()
        kv = (self.named(f"kv.{index}"),) if self.exports_kv else ()
        qkv = [("q", q_width), ("k", self.kv_width), ("v", self.kv_width)]
        up = ("up", "gate") if self.has_gate else ("up",)
        results = self.norms_per_block > 2  # noqa: PLR2004  Gemma 2 norms results as well
        after = [norm_weights("after", width, self.dtype, self.norm) if results else ()] * 2
        scale = (Weight("scale", (width,), self.dtype, "vector"),) if self.has_scale else ()
        table = (Weight("positions", (self.position_table, self.num_heads), self.dtype, "vector"),)
        norm = norm_weights("norm", width, self.dtype, self.norm)
        attention = Attention(
            num_heads=self.num_heads,
            head_dim=q_width // self.num_heads,
            keys=self.rows if self.keys is None else self.keys,
            cache_width=2 * self.kv_width if self.has_cache else 0,
            is_causal=self.is_causal,
        )
        attend = self._layer(
            block,
            "attention",
            ("q", "k", "v"),
            ("context",),
            "attention",
            table if self.position_table else (),
        )
        io = next(iter(attend.io.values()))
        io = TensorIo((*io.reads, *joint), (*io.writes, *kv))
        attend = dataclasses.replace(
            attend, attention=attention, io=dict.fromkeys(self.phases, io)
        )
        out = (*self._linears([("out", q_width, width)]), *scale, *after[0])
        down = (*self._linears([("down", self.mlp_width, width)]), *scale, *after[1])
        projections = self._linears([(name, width, to) for name, to in qkv])
        expand = self._linears([(name, width, self.mlp_width) for name in up])
        return [
            self._layer(block, "norm1", ("hidden",), ("normed",), "norm", norm),
            self._layer(block, "qkv", ("normed",), ("q", "k", "v"), "linear", projections),
            attend,
            self._layer(block, "attention_out", ("context", "hidden"), ("hidden",), "linear", out),
            self._layer(block, "norm2", ("hidden",), ("normed",), "norm", norm),
            self._layer(block, "mlp_up", ("normed",), ("expanded",), "expand", expand),
            self._layer(block, "mlp_down", ("expanded", "hidden"), ("hidden",), "linear", down),
        ]

    def _linears(self, maps: Iterable[tuple[str, int, int]]) -> tuple[Weight, ...]:
        return tuple(
            weight
            for name, inputs, outputs in maps
            for weight in linear(
                name,
                inputs,
                outputs,
                self.dtype,
                bias=self.has_bias and not (self.position_table and name == "k"),  # BEiT
            )
        )

    def _layer(
        self,
        block: str,
        operation: str,
        reads: Sequence[str],
        writes: Sequence[str],
        kind: str,
        weights: tuple[Weight, ...],
    ) -> Layer:
        io = TensorIo(tuple(map(self.named, reads)), tuple(map(self.named, writes)))
        name = f"{block}.{operation}"
        return Layer(name, block, self.stage, dict.fromkeys(self.phases, io), kind, weights)
