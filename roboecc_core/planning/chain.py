# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A model as a chain of layers, and the program of one step over it (the paper's Eq. 1).

A layer is the smallest cuttable operation (the paper's L_i). It declares its weights and,
for each phase in which it runs, the named tensors that it reads and writes. Parameters,
FLOP, bytes moved and what crosses a cut all follow from these; nothing is typed in.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

from roboecc_core.errors import ConfigError

DTYPE_BYTES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}

Dim = int | str  # a string is bound by the phase (`Phase.dims`)


def bound_size(shape: Sequence[Dim], dims: Mapping[str, int]) -> int:
    """Return the product of a shape's dimensions in a phase of these dims."""
    return math.prod(dims[d] if isinstance(d, str) else d for d in shape)


@dataclasses.dataclass(frozen=True, slots=True)
class TensorSpec:
    """A named tensor. A dimension given as a string is bound by the phase (`Phase.dims`)."""

    name: str
    dtype: str
    shape: tuple[Dim, ...]

    def bound(self, dims: Mapping[str, int]) -> tuple[int, ...]:
        """Return the shape with every named dimension replaced by its size in this phase."""
        return tuple(dims[d] if isinstance(d, str) else d for d in self.shape)

    def accepts(self, dtype: str, shape: Sequence[int]) -> bool:
        """Return whether a received tensor is this one; a named dimension takes any size."""
        return (
            dtype == self.dtype
            and len(shape) == len(self.shape)
            and all(
                isinstance(d, str) or d == got for d, got in zip(self.shape, shape, strict=True)
            )
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Weight:
    """One parameter tensor of a layer.

    Attributes:
        shape: a matrix product's `(out, in, ...)`, a table's `(entries, width)`, or any.
        dtype: as it lies in memory when the layer runs.
        use: "product" multiplies rows, "table" gives one row of itself a row, "vector" is
            added or scaled, "unused" lies in the checkpoint but no step reads it (RoboECC
            never loads it; the paper's loads count it).
        rows: what a product multiplies, as dimensions to be multiplied; None = the rows of
            the layer's first result.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    use: str = "product"
    rows: tuple[Dim, ...] | None = None

    @property
    def num_parameters(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        """Its size in memory."""
        return self.num_parameters * DTYPE_BYTES[self.dtype]


@dataclasses.dataclass(frozen=True, slots=True)
class Attention:
    """The products of an attention, which has no weights: rows x keys, twice.

    Attributes:
        num_heads, head_dim: of the queries.
        keys: how many positions each query attends to.
        cache_width: numbers that it keeps a position for later runs (its KV cache); 0 = none.
        is_causal: whether a position attends to earlier ones only.
    """

    num_heads: int
    head_dim: int
    keys: Dim
    cache_width: int = 0
    is_causal: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class TensorIo:
    """What a layer reads and writes in one phase, in the order its operation takes them."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
    """One cuttable operation.

    Attributes:
        name: unique in the chain, `<block>.<operation>`.
        block: the transformer block (or other unit) it belongs to; the pool's unit.
        stage: "encoder", "backbone" or "decoder" (S_enc, S_bac, S_dec of the paper).
        io: by phase name; a phase that is absent does not run this layer.
        kind: what it computes: "norm", "linear", "expand" (a linear map and an activation),
            "attention", "table" or "other".
        weights: its parameters.
        attention: its weight-free products, if it is an attention.
    """

    name: str
    block: str
    stage: str
    io: Mapping[str, TensorIo]
    kind: str = "other"
    weights: tuple[Weight, ...] = ()
    attention: Attention | None = None

    @property
    def num_parameters(self) -> int:
        """Parameters that its operation holds."""
        return sum(w.num_parameters for w in self.weights if w.use != "unused")

    @property
    def weight_bytes(self) -> int:
        """Bytes that its operation holds in memory."""
        return sum(w.num_bytes for w in self.weights if w.use != "unused")

    @property
    def unused_bytes(self) -> int:
        """Bytes that a checkpoint keeps beside it and no step reads."""
        return sum(w.num_bytes for w in self.weights if w.use == "unused")


@dataclasses.dataclass(frozen=True, slots=True)
class Phase:
    """One pass over the layers that take part in it, run `repeats` times in a row."""

    name: str
    repeats: int
    dims: Mapping[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class LayerChain:
    """A model: layers in execution order, the step program, inputs and outputs.

    Attributes:
        model: the model's name.
        layers: in execution order; their positions are the indices of every span.
        tensors: every tensor that any layer reads or writes.
        program: the phases of one step, in order.
        inputs: tensors that the robot has before the step.
        outputs: tensors that the robot needs after it.
        actions_per_step: length of the action chunk that one step gives.
    """

    model: str
    layers: tuple[Layer, ...]
    tensors: Mapping[str, TensorSpec]
    program: tuple[Phase, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    actions_per_step: int = 1

    def __post_init__(self) -> None:
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise ConfigError(f"model {self.model!r}: two layers share a name")
        written = set(self.inputs)
        for phase in self.program:  # later iterations read what the first has written
            for layer in self.layers:
                if phase.name in layer.io:
                    self._check(layer, phase.name, written)
                    written.update(layer.io[phase.name].writes)

    def _check(self, layer: Layer, phase: str, written: set[str]) -> None:
        io = layer.io[phase]
        if unknown := [n for n in (*io.reads, *io.writes) if n not in self.tensors]:
            raise ConfigError(f"layer {layer.name!r} names unknown tensors {unknown}")
        if missing := [n for n in io.reads if n not in written]:
            raise ConfigError(
                f"layer {layer.name!r} reads {missing} in phase {phase!r}, "
                "but nothing has written it; expected an input or an earlier layer's output"
            )

    @property
    def num_layers(self) -> int:
        """How many cuttable layers there are."""
        return len(self.layers)

    @property
    def num_parameters(self) -> int:
        """Parameters of the whole checkpoint, those that no step reads included."""
        return sum(w.num_parameters for layer in self.layers for w in layer.weights)

    @property
    def block_boundaries(self) -> tuple[int, ...]:
        """Cuts that lie between two blocks, with both end points, in ascending order."""
        inner = (
            index
            for index in range(1, self.num_layers)
            if self.layers[index].block != self.layers[index - 1].block
        )
        return (0, *inner, self.num_layers)

    def phase_index(self, name: str) -> int:
        """Return the position of a phase in the program (the number on the wire)."""
        return next(i for i, phase in enumerate(self.program) if phase.name == name)

    def index_of(self, name: str) -> int:
        """Return the index of the layer of this name.

        Raises:
            ConfigError: there is none.
        """
        for index, layer in enumerate(self.layers):
            if layer.name == name:
                return index
        raise ConfigError(f"model {self.model!r} has no layer {name!r}")

    def executions(self) -> Iterator[tuple[Phase, int, int]]:
        """Yield (phase, iteration, layer index) for one step, in execution order."""
        for phase in self.program:
            taking_part = [i for i, layer in enumerate(self.layers) if phase.name in layer.io]
            for iteration in range(phase.repeats):
                for index in taking_part:
                    yield phase, iteration, index
