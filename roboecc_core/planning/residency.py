# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Which layers each host holds around a chosen span, and so inside what a span may move."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable

import numpy as np

from roboecc_core.planning.cost_table import GIB, BoolArray, Budgets, Structure
from roboecc_core.planning.costs import IntArray
from roboecc_core.types import CloudSpan


@dataclasses.dataclass(frozen=True, slots=True)
class Residency:
    """Two sets of layers; a span is legal if the cloud holds it and the robot the rest.

    Attributes:
        edge, cloud: which layers each host holds, `(num_layers,)` of bool.
    """

    structure: Structure
    edge: BoolArray
    cloud: BoolArray

    @property
    def pool(self) -> BoolArray:
        """Layers that both hold (the paper's parameter-sharing pool)."""
        return self.edge & self.cloud

    def held_bytes(self, layers: BoolArray) -> int:
        """Return the weights of some layers in bytes."""
        return int(self.structure.costs.weight_bytes[layers].sum())

    def legal_rows(self) -> IntArray:
        """Return the rows of the spans that both hosts can run."""
        table = self.structure.crossings
        not_cloud = np.concatenate(([0], np.cumsum(~self.cloud)))
        not_edge = np.concatenate(([0], np.cumsum(~self.edge)))
        inside = not_cloud[table.stop] - not_cloud[table.start]
        outside = not_edge[-1] - not_edge[table.stop] + not_edge[table.start]
        return np.flatnonzero((inside == 0) & (outside == 0))


def residency(
    structure: Structure, span: CloudSpan, budgets: Budgets, *, is_wide: bool = False
) -> Residency:
    """Return what the hosts hold for a span.

    Default: the span and the rest, and on both the block around the first inner cut (the
    paper). Wide: every further block, nearest to that cut first, that still fits the robot's
    memory, and the cloud's budget likewise.
    """
    count = structure.num_layers
    indices = np.arange(count)
    cloud = (indices >= span.start) & (indices < span.stop)
    edge = ~cloud
    low, high = structure.pool_of(span)
    cloud[low:high] = True
    edge[low:high] = True
    if is_wide:
        blocks = _blocks_by_distance(structure, span.start or span.stop)
        edge = _widened(structure, edge, blocks, budgets.edge_gib)
        reachable = blocks if budgets.allow_raw_images else _without_encoder(structure, blocks)
        cloud = _widened(structure, cloud, reachable, budgets.cloud_gib)
    return Residency(structure, edge, cloud)


def _blocks_by_distance(structure: Structure, cut: int) -> list[tuple[int, int]]:
    bounds = structure.chain.block_boundaries
    blocks = list(itertools.pairwise(bounds))
    return sorted(blocks, key=lambda block: max(block[0] - cut, cut - block[1], 0))


def _without_encoder(
    structure: Structure, blocks: Iterable[tuple[int, int]]
) -> list[tuple[int, int]]:
    return [block for block in blocks if block[0] >= structure.first_backbone]


def _widened(
    structure: Structure, held: BoolArray, blocks: Iterable[tuple[int, int]], limit_gib: float
) -> BoolArray:
    """Add whole blocks in order until the next one would not fit."""
    weights = structure.costs.weight_bytes
    held = held.copy()
    total = float(weights[held].sum())
    for low, high in blocks:
        added = float(weights[low:high][~held[low:high]].sum())
        if total + added > limit_gib * GIB:
            break
        held[low:high] = True
        total += added
    return held
