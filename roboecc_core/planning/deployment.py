# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""One answer to "which layers where": the best span, the end points, pool, candidates, why."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from roboecc_core.planning.candidates import Candidate, candidates
from roboecc_core.planning.codecs import Codec
from roboecc_core.planning.cost_table import GIB, Budgets, CostTable, Structure
from roboecc_core.planning.hardware import Device
from roboecc_core.planning.link import Link
from roboecc_core.planning.pareto import pareto_front
from roboecc_core.planning.residency import Residency, residency
from roboecc_core.planning.segmentation import Choice, search
from roboecc_core.types import CloudSpan

CONTROL_RATE_HZ = 30.0
_ALIKE = 1.005  # times as long as the best that people would still call the same


@dataclasses.dataclass(frozen=True, slots=True)
class Breakdown:
    """What one step of one (span, codec) costs, and what each host holds with its pool.

    Attributes:
        action_hz: actions of the chunk over the step's time.
        is_within_budgets: whether it may be chosen.
    """

    span: CloudSpan
    codec: str
    edge_s: float
    network_s: float
    cloud_s: float
    total_s: float
    action_hz: float
    bytes_up: int
    bytes_down: int
    round_trips: int
    cloud_gib: float
    edge_gib: float
    is_within_budgets: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A model on two devices over a link."""

    structure: Structure
    edge: Device
    cloud: Device
    best: Breakdown
    edge_only: Breakdown
    cloud_only: Breakdown | None
    pareto: tuple[Breakdown, ...]
    residency: Residency
    candidates: tuple[Candidate, ...]
    table: CostTable
    reason: str


def breakdown(table: CostTable, choice: Choice, budgets: Budgets) -> Breakdown:
    """Return what one cell of the cost table means."""
    structure, row = table.structure, choice.row
    edge_s, network_s, cloud_s = table.breakdown_s(choice.codec, row)
    total_s = edge_s + network_s + cloud_s
    up, down = table.wire_bytes(choice.codec, row)
    span = structure.crossings.span(row)
    return Breakdown(
        span=span,
        codec=table.codecs[choice.codec].name,
        edge_s=edge_s,
        network_s=network_s,
        cloud_s=cloud_s,
        total_s=total_s,
        action_hz=structure.chain.actions_per_step / total_s,
        bytes_up=round(float(up)),
        bytes_down=round(float(down)),
        round_trips=int(structure.crossings.round_trips[row]),
        cloud_gib=float(structure.cloud_bytes[row]) / GIB,
        edge_gib=float(structure.edge_bytes[row]) / GIB,
        is_within_budgets=_is_within(structure, row, budgets),
    )


def _is_within(structure: Structure, row: int, budgets: Budgets) -> bool:
    return bool(
        structure.cloud_bytes[row] <= budgets.cloud_gib * GIB
        and structure.edge_bytes[row] <= budgets.edge_gib * GIB
        and structure.cloud_flop[row] <= budgets.cloud_gflop * 1e9
    )


def plan(
    structure: Structure,
    devices: tuple[Device, Device],
    link: Link,
    codecs: Sequence[Codec],
    budgets: Budgets,
) -> Plan:
    """Return the whole answer for (edge, cloud) devices.

    Raises:
        PlanError: nothing keeps the budgets; says what misses by how much.
    """
    edge, cloud = devices
    table, choice = search(structure, edge, cloud, link, codecs, budgets)
    best = breakdown(table, choice, budgets)
    edge_only = breakdown(table, Choice(0, 0), budgets)
    cloud_only = _cloud_only(table, budgets)
    held = residency(structure, best.span, budgets, is_wide=math.isfinite(budgets.edge_gib))
    return Plan(
        structure=structure,
        edge=edge,
        cloud=cloud,
        best=best,
        edge_only=edge_only,
        cloud_only=cloud_only,
        pareto=tuple(pareto(table, budgets)),
        residency=held,
        candidates=tuple(candidates(table, held, best=choice)),
        table=table,
        reason=reason(best, edge_only, cloud_only, budgets, structure),
    )


def _cloud_only(table: CostTable, budgets: Budgets) -> Breakdown | None:
    """Cloud-only with its best codec; None where raw images must stay on the robot."""
    if not budgets.allow_raw_images:
        return None
    row = table.structure.crossings.row(CloudSpan(0, table.structure.num_layers))
    return breakdown(table, Choice(int(table.total_s[:, row].argmin()), row), budgets)


def pareto(table: CostTable, budgets: Budgets) -> list[Breakdown]:
    """The front of latency, bytes and the cloud's load under the budgets, fastest first."""
    rows = np.flatnonzero(table.feasible(budgets))
    crossings, load = table.structure.crossings, table.structure.cloud_bytes[rows]
    kinds = crossings.kind[rows]
    points = []
    for codec in range(len(table.codecs)):
        up, down = table.wire_bytes(codec, crossings.first_alike)
        points.append(np.column_stack((table.total_s[codec, rows], (up + down)[kinds], load)))
    front = pareto_front(np.concatenate(points))
    codecs, places = np.divmod(front, len(rows))
    listed = [
        breakdown(table, Choice(int(c), int(rows[i])), budgets)
        for c, i in zip(codecs, places, strict=True)
    ]
    return sorted(listed, key=lambda one: one.total_s)


def reason(
    best: Breakdown,
    edge_only: Breakdown,
    cloud_only: Breakdown | None,
    budgets: Budgets,
    structure: Structure,
) -> str:
    """Say in plain words why the best is what it is, and how far 30 Hz are."""
    parts = [_what(best, structure)]
    if cloud_only is None:
        parts.append("raw images may not leave the robot, so cloud-only is out")
    elif cloud_only.span != best.span:
        parts.append(_against("cloud-only", cloud_only, best, budgets))
    if not best.span.is_empty:
        parts.append(_against("edge-only", edge_only, best, budgets))
    meets = "meets" if best.action_hz >= CONTROL_RATE_HZ else "misses"
    parts.append(f"{best.action_hz:.1f} actions/s {meets} {CONTROL_RATE_HZ:.0f} Hz")
    return "; ".join(parts)


def _what(best: Breakdown, structure: Structure) -> str:
    layers = structure.chain.layers
    took = f"takes {best.total_s * 1e3:.0f} ms"
    if best.span.is_empty:
        return f"the robot runs everything and {took}"
    if best.span == CloudSpan(0, structure.num_layers):
        return f"the cloud runs everything and {took}"
    first, last = layers[best.span.start].name, layers[best.span.stop - 1].name
    return f"the cloud runs {first} to {last} with codec {best.codec} and {took}"


def _against(name: str, other: Breakdown, best: Breakdown, budgets: Budgets) -> str:
    says = f"{name} would be {other.total_s * 1e3:.0f} ms"
    if other.is_within_budgets:
        times = other.total_s / best.total_s
        return f"{says}, {times:.2f} times as long" if times > _ALIKE else f"{says}, no longer"
    if other.cloud_gib > budgets.cloud_gib:
        return f"{says} but exceeds the {budgets.cloud_gib:g} GiB budget ({other.cloud_gib:.1f})"
    if other.edge_gib > budgets.edge_gib:
        return f"{says} but exceeds the robot's {budgets.edge_gib:g} GiB ({other.edge_gib:.1f})"
    return f"{says} but exceeds the cloud's {budgets.cloud_gflop:g} GFLOP a step"
