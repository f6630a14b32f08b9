# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Where to cut: Alg. 1 as printed (`paper_search`) and the real search over all spans x codecs.

Pure functions of a model's structure, two devices, a link and budgets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from roboecc_core.errors import PlanError
from roboecc_core.planning.codecs import Codec
from roboecc_core.planning.cost_table import (
    GIB,
    BoolArray,
    Budgets,
    CostTable,
    Structure,
    cost_table,
)
from roboecc_core.planning.costs import FloatArray
from roboecc_core.planning.hardware import Device
from roboecc_core.planning.link import Link


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """One cell of a cost table: indices of its codec and its span."""

    codec: int
    row: int


def best_choice(table: CostTable, budgets: Budgets) -> Choice:
    """Return the (span, codec) of least latency that keeps the budgets; ties go to the first.

    Raises:
        PlanError: nothing keeps them; names the candidate that misses by least, and by how much.
    """
    keep = table.feasible(budgets)
    if not keep.any():
        raise PlanError(_why_nothing_fits(table, budgets))
    total_s = np.where(keep, table.total_s, np.inf)
    codec, row = divmod(int(total_s.argmin()), total_s.shape[1])
    return Choice(codec, row)


def _why_nothing_fits(table: CostTable, budgets: Budgets) -> str:
    excess = np.stack(
        [
            (table.structure.cloud_bytes / GIB - budgets.cloud_gib),
            (table.structure.edge_bytes / GIB - budgets.edge_gib),
            (table.structure.cloud_flop / 1e9 - budgets.cloud_gflop),
        ]
    )
    allowed: BoolArray = np.ones(excess.shape[1], np.bool_)
    if not budgets.allow_raw_images:
        allowed = table.structure.crossings.start >= table.structure.first_backbone
        allowed[0] = True
    relative = np.maximum(excess, 0.0) / np.array(
        [[max(b, 1e-9)] for b in (budgets.cloud_gib, budgets.edge_gib, budgets.cloud_gflop)]
    )
    worst = np.where(allowed, np.nan_to_num(relative, posinf=np.inf).max(axis=0), np.inf)
    row = int(worst.argmin())
    span = table.structure.crossings.span(row)
    misses = [
        f"{amount:.2f} {unit}"
        for amount, unit in zip(
            excess[:, row], ("GiB of cloud memory", "GiB of edge memory", "GFLOP"), strict=True
        )
        if amount > 0
    ]
    name = "edge-only" if span.is_empty else f"cloud span {span}"
    return (
        f"no span of {table.structure.chain.model} keeps the budgets; the nearest is {name} with "
        f"{table.structure.cloud_bytes[row] / GIB:.2f} GiB in the cloud and "
        f"{table.structure.edge_bytes[row] / GIB:.2f} GiB on the robot, which misses by "
        f"{' and '.join(misses)}; raise that budget"
    )


def search(
    structure: Structure,
    edge: Device,
    cloud: Device,
    link: Link,
    codecs: Sequence[Codec],
    budgets: Budgets,
) -> tuple[CostTable, Choice]:
    """Return the cost of every span with every codec, and the best that keeps the budgets."""
    table = cost_table(structure, edge, cloud, link, codecs)
    return table, best_choice(table, budgets)


def paper_search(
    edge_s: FloatArray, cloud_s: FloatArray, load: FloatArray, *, budget: float
) -> int:
    """Alg. 1 made executable: return the split S; the robot runs [0, S), the cloud [S, n).

    From S = n down while the cloud's load stays under the budget; the least computing time
    wins, the later S on a tie. No network term, as printed (docs/adr/0007).

    Args:
        edge_s: each layer's time on the robot.
        cloud_s: each layer's time in the cloud.
        load: each layer's load on the cloud.
        budget: what the load must stay below.
    """
    split = best = len(edge_s)
    total_s = best_s = float(edge_s.sum())
    cloud_load = 0.0
    while split > 0:
        cloud_load += float(load[split - 1])
        if not cloud_load < budget:
            break
        split -= 1
        total_s += float(cloud_s[split] - edge_s[split])
        if total_s < best_s:
            best, best_s = split, total_s
    return best
