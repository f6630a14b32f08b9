# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The (span, codec) pairs that a manager may choose among while running: few, and all good."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from roboecc_core.planning.cost_table import CostTable
from roboecc_core.planning.costs import FloatArray, IntArray
from roboecc_core.planning.link import BYTES_PER_MBIT, PACK_BYTES_PER_S
from roboecc_core.planning.pareto import pareto_front
from roboecc_core.planning.residency import Residency
from roboecc_core.planning.segmentation import Choice
from roboecc_core.types import CloudSpan

MAX_CANDIDATES = 64
# Links on which candidates prove themselves when there are too many of them.
_RATES_MBIT_S = tuple(np.geomspace(0.5, 2000.0, 10))
_RTTS_S = (0.0005, 0.005, 0.02, 0.06, 0.15)


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """One deployment that could run, and what one of its steps costs.

    Attributes:
        bytes_up, bytes_down: of frames, over the whole step.
        round_trips: how often the robot waits for the cloud in a step.
        compute_s: both hosts together, with packing and unpacking.
        action_error: share of the actions' range that the codec may cost.
    """

    span: CloudSpan
    codec: str
    bytes_up: int
    bytes_down: int
    round_trips: int
    compute_s: float
    action_error: float = 0.0

    def __str__(self) -> str:
        return "edge-only" if self.span.is_empty else f"{self.span} {self.codec}"


def candidates(table: CostTable, residency: Residency, *, best: Choice) -> list[Candidate]:
    """Return at most 64 legal candidates, none dominated in all that a link cannot change.

    That is: computing time, round trips, bytes up, bytes down and action error. Beyond 64,
    those stay that are fastest on the most of a grid of links. `best` comes first; edge-only
    and cloud-only stay wherever the residency allows them.
    """
    rows = _best_of_each_kind(table, residency.legal_rows())
    listed = [_of(table, Choice(c, int(r))) for c in range(len(table.codecs)) for r in rows]
    listed = [one for one in listed if not one.span.is_empty or one.codec == table.codecs[0].name]
    costs = np.array([_respects(one) for one in listed])
    front = [listed[i] for i in pareto_front(costs)]
    first = _of(table, best)
    ends = _ends(table, listed)
    must = list(dict.fromkeys([first, *ends]))
    others = [one for one in front if one not in must]
    return must + _fastest_most_often(others, MAX_CANDIDATES - len(must))


def _best_of_each_kind(table: CostTable, rows: IntArray) -> IntArray:
    """Of spans that cross alike only the one that computes least can win."""
    kind = table.structure.crossings.kind[rows]
    start = table.structure.crossings.start[rows]
    stop = table.structure.crossings.stop[rows]
    edge, cloud = table.edge_run_s, table.cloud_run_s
    compute = edge[start] - cloud[start] + cloud[stop] - edge[stop]
    order = np.lexsort((compute, kind))
    is_first = np.concatenate(([True], np.diff(kind[order]) > 0))
    picked: IntArray = np.sort(rows[order[is_first]])
    return picked


def _of(table: CostTable, choice: Choice) -> Candidate:
    crossings, codec = table.structure.crossings, table.codecs[choice.codec]
    edge_s, _, cloud_s = table.breakdown_s(choice.codec, choice.row)
    up, down = table.wire_bytes(choice.codec, choice.row)
    coded = sum(
        float(crossings.up_bytes[i, choice.row] + crossings.down_bytes[i, choice.row])
        for i, dtype in enumerate(crossings.dtypes)
        if dtype in codec.ratio
    )
    packing_s = float(up + down) / PACK_BYTES_PER_S + codec.coding_s_per_byte * coded
    return Candidate(
        span=crossings.span(choice.row),
        codec=codec.name,
        bytes_up=round(float(up)),
        bytes_down=round(float(down)),
        round_trips=int(crossings.round_trips[choice.row]),
        compute_s=edge_s + cloud_s + packing_s,
        action_error=codec.action_error if coded else 0.0,
    )


def _respects(one: Candidate) -> tuple[float, ...]:
    return (one.compute_s, one.round_trips, one.bytes_up, one.bytes_down, one.action_error)


def _ends(table: CostTable, listed: list[Candidate]) -> list[Candidate]:
    whole = CloudSpan(0, table.structure.num_layers)
    return [one for one in listed if one.span.is_empty or one.span == whole]


def _fastest_most_often(listed: list[Candidate], count: int) -> list[Candidate]:
    if len(listed) <= count:
        return listed
    costs = np.array([_respects(one)[:4] for one in listed])
    latencies = costs @ _link_weights().T  # (candidates, links)
    wins = np.bincount(latencies.argmin(axis=0), minlength=len(listed))
    order = np.lexsort((np.median(latencies, axis=1), -wins))
    return [listed[i] for i in order[:count]]


def _link_weights() -> FloatArray:
    """Seconds for each of (compute, round trip, byte up, byte down) on a grid of links."""
    rates = [rate * BYTES_PER_MBIT for rate in _RATES_MBIT_S]
    grid = itertools.product(_RTTS_S, rates, rates)
    return np.array([(1.0, rtt, 1 / up, 1 / down) for rtt, up, down in grid])
