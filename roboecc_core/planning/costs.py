# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What each layer computes and moves: C_compute and C_datamove of Eq. 1, from the chain alone."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from roboecc_core.planning.chain import (
    DTYPE_BYTES,
    Layer,
    LayerChain,
    Phase,
    TensorSpec,
    Weight,
    bound_size,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Passes over many rows are bound by arithmetic, a pass over one token by memory, and the
# small passes of an iterated head by launching them: each has its own efficiency.
REGIME_OF_PHASE = {
    "vision": "parallel",
    "prefill": "parallel",
    "decode": "decode",
    "denoise": "iterative",
    "unroll": "iterative",
    "finish": "parallel",
}


@dataclasses.dataclass(frozen=True, slots=True)
class LayerCost:
    """One run of one layer in one phase.

    Attributes:
        flop: floating point operations of its matrix products (a multiply-add is two).
        moved_bytes: weights, tensors read and written, and its cache.
        dtype: in which it computes.
    """

    flop: int
    moved_bytes: int
    dtype: str


def layer_cost(chain: LayerChain, layer: Layer, phase: Phase) -> LayerCost:
    """Return what one run of a layer costs in a phase that runs it."""
    io, dims = layer.io[phase.name], phase.dims
    written = chain.tensors[io.writes[0]]
    rows = bound_size(written.shape[:-1], dims)
    flop = sum(2 * w.num_parameters * _rows(w, rows, dims) for w in layer.weights)
    weight_bytes = sum(_read_bytes(w, rows) for w in layer.weights)
    moved = sum(_tensor_bytes(chain.tensors[n], dims) for n in (*io.reads, *io.writes))
    if layer.attention is not None:
        attention = layer.attention
        keys = bound_size((attention.keys,), dims)
        flop += 4 * rows * keys * attention.num_heads * attention.head_dim
        moved += keys * attention.cache_width * DTYPE_BYTES[written.dtype]
    dtype = layer.weights[0].dtype if layer.weights else written.dtype
    return LayerCost(flop, weight_bytes + moved, dtype)


def _rows(weight: Weight, rows: int, dims: Mapping[str, int]) -> int:
    """How many rows a weight multiplies; none unless it is a product."""
    if weight.use != "product":
        return 0
    return rows if weight.rows is None else bound_size(weight.rows, dims)


def _read_bytes(weight: Weight, rows: int) -> int:
    if weight.use == "unused":
        return 0
    if weight.use == "table":
        return min(rows * weight.shape[1], weight.num_parameters) * DTYPE_BYTES[weight.dtype]
    return weight.num_bytes


def _tensor_bytes(spec: TensorSpec, dims: Mapping[str, int]) -> int:
    return DTYPE_BYTES[spec.dtype] * math.prod(spec.bound(dims))


@dataclasses.dataclass(frozen=True, slots=True)
class ChainCosts:
    """Every (phase, layer) of a step as arrays of equal length, one entry each.

    Attributes:
        layer: index in the chain.
        repeats: how often a step runs it.
        flop, moved_bytes: of one run.
        groups: for each (dtype, phase, kind) the entries that belong to it.
        weight_bytes: by layer, `(num_layers,)`; what a host that runs it must hold.
        unused_bytes: by layer; what a checkpoint keeps beside it.
    """

    layer: IntArray
    repeats: FloatArray
    flop: FloatArray
    moved_bytes: FloatArray
    groups: Mapping[tuple[str, str, str], IntArray]
    weight_bytes: FloatArray
    unused_bytes: FloatArray

    @property
    def step_flop(self) -> FloatArray:
        """FLOP of a whole step by layer, `(num_layers,)`."""
        return self._by_layer(self.flop)

    @property
    def step_moved_bytes(self) -> FloatArray:
        """Bytes moved in a whole step by layer, `(num_layers,)`."""
        return self._by_layer(self.moved_bytes)

    def _by_layer(self, values: FloatArray) -> FloatArray:
        return summed_by(self.layer, values * self.repeats, len(self.weight_bytes))


def summed_by(layer: IntArray, values: FloatArray, num_layers: int) -> FloatArray:
    """Return the sums of values that belong to the same layer, `(num_layers,)`."""
    return np.bincount(layer, values, num_layers).astype(np.float64)


def chain_costs(chain: LayerChain) -> ChainCosts:
    """Return the costs of every layer in every phase of a step."""
    index: list[int] = []
    repeats: list[int] = []
    costs: list[LayerCost] = []
    groups: dict[tuple[str, str, str], list[int]] = {}
    for phase in chain.program:
        for number, layer in enumerate(chain.layers):
            if phase.name not in layer.io:
                continue
            cost = layer_cost(chain, layer, phase)
            groups.setdefault((cost.dtype, phase.name, layer.kind), []).append(len(costs))
            index.append(number)
            repeats.append(phase.repeats)
            costs.append(cost)
    return ChainCosts(
        layer=np.array(index, np.int64),
        repeats=np.array(repeats, np.float64),
        flop=np.array([cost.flop for cost in costs], np.float64),
        moved_bytes=np.array([cost.moved_bytes for cost in costs], np.float64),
        groups={key: np.array(entries, np.int64) for key, entries in groups.items()},
        weight_bytes=np.array([layer.weight_bytes for layer in chain.layers], np.float64),
        unused_bytes=np.array([layer.unused_bytes for layer in chain.layers], np.float64),
    )


def peak_bytes(chain: LayerChain, costs: ChainCosts) -> int:
    """Return what one host needs for the whole model: weights, caches, one layer's tensors.

    Freed tensors are taken to be reused at once; a framework's own allocator holds more.
    """
    caches, working = 0, 0
    for phase in chain.program:
        for layer in chain.layers:
            if phase.name in layer.io:
                io = layer.io[phase.name]
                names = {*io.reads, *io.writes}
                held = sum(_tensor_bytes(chain.tensors[n], phase.dims) for n in names)
                working = max(working, held)
    widest = max((p.dims["context"] for p in chain.program), default=0)
    for layer in chain.layers:
        if layer.attention is not None:
            cell = DTYPE_BYTES[chain.tensors[next(iter(layer.io.values())).writes[0]].dtype]
            caches += widest * layer.attention.cache_width * cell
    return int(costs.weight_bytes.sum()) + caches + working
