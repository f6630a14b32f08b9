# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A step under one span: which side runs what and when, and which tensors must cross.

All of it is derived by walking the chain's program; nothing in this module knows torch, a
network or a device. Import everything about a model's structure from here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from enum import Enum

from roboecc_core.planning.chain import (
    DTYPE_BYTES,
    Attention,
    Layer,
    LayerChain,
    Phase,
    TensorIo,
    TensorSpec,
    Weight,
)
from roboecc_core.types import CloudSpan

__all__ = [
    "DTYPE_BYTES",
    "Arrival",
    "Attention",
    "Execution",
    "Layer",
    "LayerChain",
    "Phase",
    "Side",
    "StepPlan",
    "TensorIo",
    "TensorSpec",
    "Visit",
    "Weight",
    "indices_of",
    "layer_ranges",
    "plan_step",
]


class Side(Enum):
    """Who runs a layer."""

    EDGE = "edge"
    CLOUD = "cloud"


@dataclasses.dataclass(frozen=True, slots=True)
class Execution:
    """One layer run once."""

    phase: str
    iteration: int
    layer_index: int
    io: TensorIo


@dataclasses.dataclass(frozen=True, slots=True)
class Arrival:
    """A tensor that crosses, with the shape that the phase which wrote it gave it."""

    spec: TensorSpec
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        """Its size in bytes, header excluded, for the chain's nominal dimensions."""
        return DTYPE_BYTES[self.spec.dtype] * math.prod(self.shape)


@dataclasses.dataclass(frozen=True, slots=True)
class Visit:
    """A run of layer executions on one side, from one crossing to the next.

    Attributes:
        side: who runs it.
        phase, iteration: of its first execution; they name the visit on the wire.
        executions: in order; may be empty on the edge (first and last visit).
        arrivals: what crosses to this side just before it, sorted by name.
    """

    side: Side
    phase: str
    iteration: int
    executions: tuple[Execution, ...]
    arrivals: tuple[Arrival, ...]

    @property
    def arrival_bytes(self) -> int:
        """How many bytes cross to this side just before the visit, headers excluded."""
        return sum(arrival.num_bytes for arrival in self.arrivals)

    @property
    def arrival_names(self) -> tuple[str, ...]:
        """The names of what crosses to this side just before the visit."""
        return tuple(arrival.spec.name for arrival in self.arrivals)


@dataclasses.dataclass(frozen=True, slots=True)
class StepPlan:
    """Everything that one step does under one span: edge and cloud visits in turn.

    The first and the last visit are always the edge's: the observation is there and the
    action is needed there. So `visits[2 * k + 1]` is the k-th round trip.
    """

    span: CloudSpan
    visits: tuple[Visit, ...]

    @property
    def cloud_visits(self) -> tuple[Visit, ...]:
        """The round trips, in order."""
        return self.visits[1::2]

    @property
    def round_trips(self) -> int:
        """How often the edge waits for the cloud within a step."""
        return len(self.visits) // 2

    @property
    def bytes_up(self) -> int:
        """Tensor bytes that cross to the cloud in one step."""
        return sum(visit.arrival_bytes for visit in self.visits[1::2])

    @property
    def bytes_down(self) -> int:
        """Tensor bytes that cross back to the robot in one step."""
        return sum(visit.arrival_bytes for visit in self.visits[2::2])


def plan_step(chain: LayerChain, span: CloudSpan) -> StepPlan:
    """Derive visits and crossings of one step from the chain and the span alone.

    A tensor crosses when the visit about to start reads it and that side does not hold its
    newest value. So residuals, the raw image that a second vision tower still needs and
    the prompt ids are counted where they are needed, and what a side already has is not
    sent twice. Both hosts derive the same plan; nothing about it is negotiated.

    Raises:
        ConfigError: the span reaches past the chain.
    """
    span.checked(chain.num_layers)
    runs = _runs_by_side(chain, span)
    dims = {phase.name: phase.dims for phase in chain.program}
    holders = {name: {Side.EDGE} for name in chain.inputs}
    shapes = {n: chain.tensors[n].bound(chain.program[0].dims) for n in chain.inputs}
    visits: list[Visit] = []
    for side, executions in runs:
        needed = _read_before_written(executions)
        if len(visits) == len(runs) - 1:
            written = {name for e in executions for name in e.io.writes}
            needed += [n for n in chain.outputs if n not in written and n not in needed]
        missing = sorted(n for n in needed if side not in holders[n])
        arrivals = tuple(Arrival(chain.tensors[n], shapes[n]) for n in missing)
        phase, iteration = _name_of_visit(chain, executions, is_first=not visits)
        visits.append(Visit(side, phase, iteration, tuple(executions), arrivals))
        for name in missing:
            holders[name].add(side)
        for execution in executions:
            for name in execution.io.writes:
                holders[name] = {side}
                shapes[name] = chain.tensors[name].bound(dims[execution.phase])
    return StepPlan(span, tuple(visits))


def _name_of_visit(
    chain: LayerChain, executions: Sequence[Execution], *, is_first: bool
) -> tuple[str, int]:
    """Phase and iteration that name a visit; an empty one takes the program's first or last."""
    if executions:
        return executions[0].phase, executions[0].iteration
    phase = chain.program[0 if is_first else -1]
    return phase.name, 0 if is_first else phase.repeats - 1


def _runs_by_side(chain: LayerChain, span: CloudSpan) -> list[tuple[Side, list[Execution]]]:
    """Group a step's executions into runs on one side, beginning and ending on the edge."""
    runs: list[tuple[Side, list[Execution]]] = [(Side.EDGE, [])]
    for phase, iteration, index in chain.executions():
        side = Side.CLOUD if index in span else Side.EDGE
        if side is not runs[-1][0]:
            runs.append((side, []))
        io = chain.layers[index].io[phase.name]
        runs[-1][1].append(Execution(phase.name, iteration, index, io))
    if runs[-1][0] is Side.CLOUD:
        runs.append((Side.EDGE, []))
    return runs


def _read_before_written(executions: Iterable[Execution]) -> list[str]:
    """Names that a run of executions reads before it writes them itself, in order."""
    needed: dict[str, None] = {}
    written: set[str] = set()
    for execution in executions:
        needed.update(dict.fromkeys(n for n in execution.io.reads if n not in written))
        written.update(execution.io.writes)
    return list(needed)


def layer_ranges(indices: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Fold layer indices into half-open ranges, for messages and HELLO frames."""
    ranges: list[list[int]] = []
    for index in sorted(set(indices)):
        if ranges and ranges[-1][1] == index:
            ranges[-1][1] += 1
        else:
            ranges.append([index, index + 1])
    return tuple((start, stop) for start, stop in ranges)


def indices_of(ranges: Sequence[Sequence[int]]) -> frozenset[int]:
    """Undo `layer_ranges`."""
    return frozenset(i for start, stop in ranges for i in range(start, stop))
