# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The paper's printed figures, and the one rule that turns its loads into cuts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from roboecc_core.planning.cost_table import GIB, Structure
from roboecc_core.planning.link import PACK_BYTES_PER_S, Link
from roboecc_core.planning.records import RecordReader
from roboecc_core.types import CloudSpan

RULE = (
    "cut = the boundary between two blocks at which edge and cloud load, as the checkpoint "
    "holds them, come nearest to the printed pair (least of the larger difference), robot first "
    "as Alg. 1 is printed; the cloud-first reading stands beside it"
)


@dataclasses.dataclass(frozen=True, slots=True)
class SplitRow:
    """One printed row of Tables II to IV."""

    table: str
    model: str
    hardware: str
    method: str
    edge_ms: float
    cloud_ms: float
    total_ms: float
    edge_gib: float
    cloud_gib: float

    @property
    def network_ms(self) -> float:
        """What the total leaves for the network (our subtraction)."""
        return self.total_ms - self.edge_ms - self.cloud_ms

    @property
    def is_split(self) -> bool:
        """Whether both hosts work."""
        return self.method not in ("edge_only", "cloud_only")


@dataclasses.dataclass(frozen=True, slots=True)
class PaperFigures:
    """All of them."""

    split_rows: tuple[SplitRow, ...]

    @classmethod
    def load(cls) -> PaperFigures:
        """Read the file that ships with the package."""
        return RecordReader(Path(__file__).with_name("paper.yaml"), {}).load(cls)


def span_of_loads(structure: Structure, row: SplitRow, *, is_edge_first: bool) -> CloudSpan:
    """Return the span that `RULE` reads out of a row's loads, in one direction."""
    count = structure.num_layers
    if row.method == "edge_only":
        return CloudSpan(0, 0)
    if row.method == "cloud_only":
        return CloudSpan(0, count)
    cuts = structure.chain.block_boundaries[1:-1]
    spans = [CloudSpan(c, count) if is_edge_first else CloudSpan(0, c) for c in cuts]

    def distance(span: CloudSpan) -> float:
        edge, cloud = loads_gib(structure, span)
        return max(abs(edge - row.edge_gib), abs(cloud - row.cloud_gib))

    return min(spans, key=distance)


def loads_gib(structure: Structure, span: CloudSpan) -> tuple[float, float]:
    """Return (edge, cloud) load as the paper counts it: unused weights included, no pool."""
    held = structure.costs.weight_bytes + structure.costs.unused_bytes
    cloud = float(held[span.start : span.stop].sum())
    return (float(held.sum()) - cloud) / GIB, cloud / GIB


def fitted_link(rows: Sequence[SplitRow], structures: dict[str, Structure]) -> Link:
    """Solve the one common link from the Fixed rows' network times, by least squares.

    Two unknowns (seconds a byte, the same both ways, and seconds a round trip) from the four
    rows; the RoboECC rows are never looked at.
    """
    known, measured = [], []
    for row in rows:
        if row.method != "fixed":
            continue
        structure = structures[row.model]
        table = structure.crossings
        at = table.row(span_of_loads(structure, row, is_edge_first=True))
        num_bytes = table.up_bytes[:, at].sum() + table.down_bytes[:, at].sum()
        known.append((num_bytes, table.round_trips[at]))
        measured.append(row.network_ms / 1e3 - num_bytes / PACK_BYTES_PER_S)
    (s_per_byte, rtt_s), *_ = np.linalg.lstsq(np.array(known), np.array(measured), rcond=None)
    rate = 1.0 / float(s_per_byte)
    return Link(rate, rate, float(rtt_s), has_slow_start=False)
