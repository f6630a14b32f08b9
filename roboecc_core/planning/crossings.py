# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What crosses for every span at once: the same counts as `plan_step`'s, as tables.

A value (one version of a tensor) has a layer that writes it and layers that read it before
it is written again. It goes up once if its writer is outside the span and a reader inside,
down once if its writer is inside and a reader outside. Both are counted over all spans by
adding each value at the corners of a summed-area table. The robot stands for both ends:
inputs are written by "layer" -1, outputs are read by "layer" n.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from roboecc_core.planning.chain import DTYPE_BYTES, LayerChain, bound_size
from roboecc_core.planning.costs import FloatArray, IntArray
from roboecc_core.types import CloudSpan

Value = tuple[int, tuple[int, ...]]  # writer, readers in ascending order


@dataclasses.dataclass(frozen=True, slots=True)
class Crossings:
    """One row a span, every span of the chain, edge-only first.

    Attributes:
        start, stop: of the span, `(spans,)`.
        dtypes: of what crosses.
        up_bytes, down_bytes: raw bytes of a step by dtype, `(dtypes, spans)`.
        round_trips: of a step, `(spans,)`.
        first_alike: rows of which no two cross alike, `(kinds,)`.
        kind: for each span, which of these it crosses like, `(spans,)`.
    """

    start: IntArray
    stop: IntArray
    dtypes: tuple[str, ...]
    up_bytes: FloatArray
    down_bytes: FloatArray
    round_trips: FloatArray
    first_alike: IntArray
    kind: IntArray

    @property
    def num_spans(self) -> int:
        """How many spans there are."""
        return len(self.start)

    def span(self, row: int) -> CloudSpan:
        """Return the span of a row."""
        return CloudSpan(int(self.start[row]), int(self.stop[row]))

    def row(self, span: CloudSpan) -> int:
        """Return the row of a span."""
        if span.is_empty:
            return 0
        num_layers = int(self.stop.max())
        before = span.start * num_layers - span.start * (span.start - 1) // 2
        return 1 + before + span.stop - span.start - 1


def crossings(chain: LayerChain) -> Crossings:
    """Return the crossings of every span of a chain."""
    num_layers = chain.num_layers
    values = _values(chain)
    start, stop = _spans(num_layers)
    dtypes = tuple(sorted(values))
    tables = [_tables(values[dtype], num_layers) for dtype in dtypes]
    trips, _ = _tables(_transitions(chain), num_layers)
    up_bytes = np.stack([up[start, stop] for up, _ in tables])
    down_bytes = np.stack([down[start, stop] for _, down in tables])
    round_trips = trips[start, stop]
    first_alike, kind = _kinds(np.vstack((up_bytes, down_bytes, round_trips)))
    return Crossings(
        start=start,
        stop=stop,
        dtypes=dtypes,
        up_bytes=up_bytes,
        down_bytes=down_bytes,
        round_trips=round_trips,
        first_alike=first_alike,
        kind=kind,
    )


def _kinds(columns: FloatArray) -> tuple[IntArray, IntArray]:
    """Group equal columns of whole numbers by a 64-bit hash of each."""
    odd = np.random.default_rng(0).integers(1, 2**63, len(columns), np.uint64) * np.uint64(2)
    hashes = (columns.astype(np.uint64).T @ (odd + np.uint64(1))).ravel()
    _, first, kind = np.unique(hashes, return_index=True, return_inverse=True)
    return first, kind


@functools.cache
def _spans(num_layers: int) -> tuple[IntArray, IntArray]:
    """Every span, edge-only first, then by start and stop."""
    start, stop = np.triu_indices(num_layers + 1, 1)
    return np.insert(start, 0, 0), np.insert(stop, 0, 0)


def _values(chain: LayerChain) -> Mapping[str, Counter[Value]]:
    """The bytes of every value of a step by dtype, values of the same layers added up."""
    found: dict[str, Counter[Value]] = defaultdict(Counter)
    writer = dict.fromkeys(chain.inputs, -1)
    readers: dict[str, set[int]] = {name: set() for name in chain.inputs}
    sizes = {
        p.name: {n: _tensor_bytes(chain, n, p.dims) for n in chain.tensors} for p in chain.program
    }
    size = {name: sizes[chain.program[0].name][name] for name in chain.inputs}

    def close(name: str) -> None:
        value = (writer[name], tuple(sorted(readers[name])))
        found[chain.tensors[name].dtype][value] += size[name]

    for phase, _, index in chain.executions():
        io = chain.layers[index].io[phase.name]
        for name in io.reads:
            readers[name].add(index)
        for name in io.writes:
            if readers.get(name):
                close(name)
            writer[name], readers[name], size[name] = index, set(), sizes[phase.name][name]
    for name in chain.outputs:
        readers[name].add(chain.num_layers)
    for name in filter(readers.get, writer):
        close(name)
    return found


def _tensor_bytes(chain: LayerChain, name: str, dims: Mapping[str, int]) -> int:
    spec = chain.tensors[name]
    return DTYPE_BYTES[spec.dtype] * bound_size(spec.shape, dims)


def _transitions(chain: LayerChain) -> Counter[Value]:
    """How often one layer runs right behind another; each is a visit if only one is inside."""
    found: Counter[Value] = Counter()
    before = -1
    for _, _, index in chain.executions():
        found[(before, (index,))] += 1
        before = index
    return found


def _tables(values: Mapping[Value, int], num_layers: int) -> tuple[FloatArray, FloatArray]:
    """Return what goes up and what comes down, `(start, stop)` tables over all spans."""
    up = _Corners(num_layers)  # rectangles: start at least, stop at most
    down = _Corners(num_layers)  # rectangles: start at most, stop at least
    for (writer, readers), weight in values.items():
        for low, high in _gaps((writer,), num_layers):
            up.add(low, high, weight)
        for low, high in _gaps(tuple(sorted({writer, *readers})), num_layers):
            up.add(low, high, -weight)
        if writer >= 0:
            down.add(writer, writer + 1, weight)
            last = max(writer, readers[-1])
            if last < num_layers:
                down.add(min(writer, readers[0]), last + 1, -weight)
    ups = up.table().cumsum(axis=0)[:, ::-1].cumsum(axis=1)[:, ::-1]
    downs = down.table()[::-1].cumsum(axis=0)[::-1].cumsum(axis=1)
    return ups, downs


def _gaps(layers: tuple[int, ...], num_layers: int) -> Iterator[tuple[int, int]]:
    """Ranges `[low, high)` that hold none of some ascending layers."""
    edges = (*layers, num_layers) if layers[-1] < num_layers else layers
    low = 0
    for edge in edges:
        if edge >= low:
            yield low, edge
        low = edge + 1


class _Corners:
    """Weights at (start, stop) corners, to be summed into a table."""

    def __init__(self, num_layers: int) -> None:
        self._side = num_layers + 1
        self._at: Counter[int] = Counter()

    def add(self, start: int, stop: int, weight: int) -> None:
        self._at[start * self._side + stop] += weight

    def table(self) -> FloatArray:
        flat = np.zeros(self._side * self._side)
        flat[list(self._at)] = list(self._at.values())
        return flat.reshape(self._side, self._side)
