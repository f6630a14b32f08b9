# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The layers that one host holds, and the running of them.

A segment knows neither the network nor the other host: it takes tensors by name, runs a
visit's layers in order and gives tensors by name. What one step leaves behind (tensors
and KV caches) lies in a `StepState`, so that one segment serves many robots. One thread
at a time may run a segment.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import torch

from roboecc_core.data_plane.codec import from_wire, to_wire, torch_dtype
from roboecc_core.data_plane.frame import WireTensor
from roboecc_core.errors import ProtocolError, SpanNotResidentError
from roboecc_core.planning.structure import LayerChain, Visit, layer_ranges


@dataclasses.dataclass(slots=True)
class LayerContext:
    """What an operation may know besides its tensors.

    Attributes:
        phase, iteration: where in the step program it runs.
        cache: private to this layer within this step (an attention's KV cache).
    """

    phase: str
    iteration: int
    cache: dict[str, torch.Tensor]


class LayerOperation(Protocol):
    """A layer's computation: tensors in the order of its reads, to those of its writes."""

    def __call__(
        self, context: LayerContext, /, *tensors: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Compute; must not change its operands, which other layers may still read."""
        ...


@dataclasses.dataclass(slots=True)
class StepState:
    """What one host remembers of one step: tensors by name and caches by layer."""

    tensors: dict[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    caches: dict[int, dict[str, torch.Tensor]] = dataclasses.field(default_factory=dict)


class Segment:
    """Some of a chain's layers, loaded on one device."""

    def __init__(
        self,
        chain: LayerChain,
        operations: Mapping[int, LayerOperation],
        *,
        device: torch.device,
        resident_bytes: int,
    ) -> None:
        self.chain = chain
        self.operations = dict(operations)
        self.device = device
        self.resident_bytes = resident_bytes

    @property
    def resident(self) -> frozenset[int]:
        """Indices of the layers that this host holds."""
        return frozenset(self.operations)

    def require(self, layer_indices: Iterable[int]) -> None:
        """Check that every one of these layers is held here.

        Raises:
            SpanNotResidentError: names the missing ranges and the held ones.
        """
        missing = set(layer_indices) - self.operations.keys()
        if missing:
            raise SpanNotResidentError(
                f"layers {_ranges_text(missing)} are not held by this host, which holds "
                f"{_ranges_text(self.operations)}; choose a span inside them or start the host "
                "with more layers"
            )

    @torch.inference_mode()
    def run(self, visit: Visit, state: StepState) -> None:
        """Run a visit's layers in order, reading and writing `state`.

        Raises:
            SpanNotResidentError: a layer of the visit is not held here; nothing was run.
        """
        self.require(e.layer_index for e in visit.executions)
        for execution in visit.executions:
            cache = state.caches.setdefault(execution.layer_index, {})
            context = LayerContext(execution.phase, execution.iteration, cache)
            operands = (state.tensors[name] for name in execution.io.reads)
            results = self.operations[execution.layer_index](context, *operands)
            state.tensors.update(zip(execution.io.writes, results, strict=True))

    @torch.inference_mode()
    def warm_up(self) -> None:
        """Run every layer held here once through a step, on zeros, and forget the results.

        A device's first call of an operation sets it up, which can take as long as a whole
        step; it should not fall on the arm's first action.
        """
        caches: dict[int, dict[str, torch.Tensor]] = {}
        for phase, iteration, index in self.chain.executions():
            if index in self.operations:
                specs = (
                    self.chain.tensors[n] for n in self.chain.layers[index].io[phase.name].reads
                )
                zeros = [
                    torch.zeros(
                        spec.bound(phase.dims), dtype=torch_dtype(spec.dtype), device=self.device
                    )
                    for spec in specs
                ]
                context = LayerContext(phase.name, iteration, caches.setdefault(index, {}))
                self.operations[index](context, *zeros)

    def export(self, names: Sequence[str], state: StepState) -> tuple[WireTensor, ...]:
        """Return the named tensors as wire bytes, in the order given."""
        return tuple(to_wire(name, state.tensors[name]) for name in names)

    def accept(self, visit: Visit, tensors: Sequence[WireTensor], state: StepState) -> None:
        """Take the tensors that cross to this visit.

        Raises:
            ProtocolError: they are not exactly those that the visit expects.
        """
        got = tuple(tensor.name for tensor in tensors)
        if got != visit.arrival_names:
            raise ProtocolError(f"got tensors {got}, expected {visit.arrival_names}")
        for tensor, arrival in zip(tensors, visit.arrivals, strict=True):
            if not arrival.spec.accepts(tensor.dtype, tensor.shape):
                raise ProtocolError(
                    f"tensor {tensor.name!r} is {tensor.dtype} {tensor.shape}, "
                    f"expected {arrival.spec.dtype} {arrival.spec.shape}"
                )
            state.tensors[tensor.name] = from_wire(tensor, self.device)


def _ranges_text(indices: Iterable[int]) -> str:
    ranges = layer_ranges(indices)
    return ", ".join(f"[{start}, {stop})" for start, stop in ranges) or "none"
