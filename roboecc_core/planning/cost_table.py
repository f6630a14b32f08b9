# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What every span of a model costs with every codec, on two devices over a link."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from roboecc_core.errors import ConfigError
from roboecc_core.planning.chain import LayerChain
from roboecc_core.planning.codecs import Codec
from roboecc_core.planning.costs import ChainCosts, FloatArray, IntArray, chain_costs
from roboecc_core.planning.crossings import Crossings, crossings
from roboecc_core.planning.hardware import Device, step_seconds
from roboecc_core.planning.link import (
    PACK_BYTES_PER_S,
    Link,
    idle_above_s,
    is_slow_start_counted,
    slow_start_s,
)
from roboecc_core.types import CloudSpan

GIB = float(2**30)
BoolArray = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, slots=True)
class Structure:
    """A loaded model: its chain and what follows from the chain alone.

    Attributes:
        block_start, block_stop: of the block that each layer belongs to; of the empty one
            behind the last, `(num_layers + 1,)`.
        first_backbone: the first layer whose input is no image any more.
        cloud_bytes, edge_bytes: held by each host with the span's own pool, by span.
        cloud_flop: computed by the cloud in a step, by span.
    """

    chain: LayerChain
    costs: ChainCosts
    crossings: Crossings
    block_start: IntArray
    block_stop: IntArray
    first_backbone: int
    cloud_bytes: FloatArray
    edge_bytes: FloatArray
    cloud_flop: FloatArray

    @classmethod
    def of(cls, chain: LayerChain) -> Structure:
        """Derive everything from a chain; takes about a tenth of a second for 7B models."""
        boundaries = np.array(chain.block_boundaries)
        layers = np.arange(chain.num_layers + 1)
        block = np.searchsorted(boundaries, layers, side="right") - 1
        block_start = boundaries[block]
        block_stop = boundaries[np.minimum(block + 1, len(boundaries) - 1)]
        costs, table = chain_costs(chain), crossings(chain)
        held = _before(costs.weight_bytes)
        within = _within(held, table)
        cloud_pool, edge_pool = _pool_bytes(table, held, block_start, block_stop)
        return cls(
            chain=chain,
            costs=costs,
            crossings=table,
            block_start=block_start,
            block_stop=block_stop,
            first_backbone=next(i for i, la in enumerate(chain.layers) if la.stage != "encoder"),
            cloud_bytes=within + cloud_pool,
            edge_bytes=held[-1] - within + edge_pool,
            cloud_flop=_within(_before(costs.step_flop), table),
        )

    @property
    def num_layers(self) -> int:
        """Layers of the chain."""
        return self.chain.num_layers

    def pool_of(self, span: CloudSpan) -> tuple[int, int]:
        """The block around a span's first inner cut; empty where there is no inner cut."""
        if span.is_empty or span == CloudSpan(0, self.num_layers):
            return (0, 0)
        cut = span.start or span.stop
        return int(self.block_start[cut]), int(self.block_stop[cut])


@dataclasses.dataclass(frozen=True, slots=True)
class Budgets:
    """What a deployment may take; infinity where there is no limit.

    Attributes:
        cloud_gib, edge_gib: memory of what a host holds, pool included.
        cloud_gflop: what the cloud computes in a step.
        allow_raw_images: False = nothing in front of the projector's output crosses.
    """

    cloud_gib: float = math.inf
    edge_gib: float = math.inf
    cloud_gflop: float = math.inf
    allow_raw_images: bool = True

    def __post_init__(self) -> None:
        for name in ("cloud_gib", "edge_gib", "cloud_gflop"):
            value = getattr(self, name)
            if math.isnan(value) or value < 0.0:
                raise ConfigError(f"budget {name} is {value}; expected 0 or more")


@dataclasses.dataclass(frozen=True, slots=True)
class CostTable:
    """What every (codec, span) costs.

    Attributes:
        edge_run_s, cloud_run_s: time of the layers before each cut, were all on that host.
        network_s: by codec and kind of crossing, `(codecs, kinds)`; slow start not included.
        slow_start_s: likewise, what a burst after idling adds.
        idle: by span, 1 where bursts do find the window closed.
        total_s: of a step, `(codecs, spans)`.
    """

    structure: Structure
    codecs: tuple[Codec, ...]
    edge_run_s: FloatArray
    cloud_run_s: FloatArray
    network_s: FloatArray
    slow_start_s: FloatArray
    idle: BoolArray
    total_s: FloatArray

    def breakdown_s(self, codec: int, row: int) -> tuple[float, float, float]:
        """Return edge, network and cloud time of one (codec, span)."""
        table = self.structure.crossings
        start, stop, kind = table.start[row], table.stop[row], table.kind[row]
        edge_s = self.edge_run_s[-1] - self.edge_run_s[stop] + self.edge_run_s[start]
        cloud_s = self.cloud_run_s[stop] - self.cloud_run_s[start]
        added_s = self.slow_start_s[codec, kind] if self.idle[codec, row] else 0.0
        return float(edge_s), float(self.network_s[codec, kind] + added_s), float(cloud_s)

    def feasible(self, budgets: Budgets) -> BoolArray:
        """Return which spans keep the budgets, `(spans,)`."""
        structure = self.structure
        keep: BoolArray = structure.cloud_bytes <= budgets.cloud_gib * GIB
        if math.isfinite(budgets.edge_gib):
            keep &= structure.edge_bytes <= budgets.edge_gib * GIB
        if math.isfinite(budgets.cloud_gflop):
            keep &= structure.cloud_flop <= budgets.cloud_gflop * 1e9
        if not budgets.allow_raw_images:
            edge_only = keep[0]
            keep &= structure.crossings.start >= structure.first_backbone
            keep[0] = edge_only
        return keep

    def wire_bytes(self, codec: int, rows: IntArray | int) -> tuple[FloatArray, FloatArray]:
        """Return packed bytes up and down of some spans with one codec."""
        table = self.structure.crossings
        ratio = np.array([self.codecs[codec].ratio.get(d, 1.0) for d in table.dtypes])
        return ratio @ table.up_bytes[:, rows], ratio @ table.down_bytes[:, rows]


def cost_table(
    structure: Structure, edge: Device, cloud: Device, link: Link, codecs: Sequence[Codec]
) -> CostTable:
    """Return the cost of every span with every codec."""
    table, costs = structure.crossings, structure.costs
    edge_run, cloud_run = _before(step_seconds(costs, edge)), _before(step_seconds(costs, cloud))
    first, last = edge_run - cloud_run, edge_run[-1] + cloud_run - edge_run
    compute_s = first[table.start] + last[table.stop]
    up, down = table.up_bytes[:, table.first_alike], table.down_bytes[:, table.first_alike]
    trips = table.round_trips[table.first_alike]
    network_s = _network_s(table.dtypes, up, down, link, codecs) + link.rtt_s * trips
    total_s = network_s[:, table.kind]
    total_s += compute_s
    added_s, idle = np.zeros_like(network_s), np.zeros(total_s.shape, np.bool_)
    if is_slow_start_counted(link):
        added_s = _slow_start_s(table.dtypes, up, down, link, codecs)
        idle = total_s > idle_above_s(trips)[table.kind]
        total_s += np.where(idle, added_s[:, table.kind], 0.0)
    return CostTable(
        structure=structure,
        codecs=tuple(codecs),
        edge_run_s=edge_run,
        cloud_run_s=cloud_run,
        network_s=network_s,
        slow_start_s=added_s,
        idle=idle,
        total_s=total_s,
    )


def _before(values: FloatArray) -> FloatArray:
    """Sums of what lies before each cut, `(num_layers + 1,)`."""
    return np.concatenate(([0.0], np.cumsum(values)))


def _within(before: FloatArray, table: Crossings) -> FloatArray:
    return before[table.stop] - before[table.start]


def _network_s(
    dtypes: Sequence[str], up: FloatArray, down: FloatArray, link: Link, codecs: Sequence[Codec]
) -> FloatArray:
    """Transfers, packing and coding; round trips not included."""
    ratio = np.array([[codec.ratio.get(d, 1.0) for d in dtypes] for codec in codecs])
    coding = [[c.coding_s_per_byte if d in c.ratio else 0.0 for d in dtypes] for c in codecs]
    uplink = ratio * (1.0 / link.uplink_bytes_per_s + 1.0 / PACK_BYTES_PER_S) + coding
    downlink = ratio * (1.0 / link.downlink_bytes_per_s + 1.0 / PACK_BYTES_PER_S) + coding
    seconds: FloatArray = uplink @ up + downlink @ down
    return seconds


def _slow_start_s(
    dtypes: Sequence[str], up: FloatArray, down: FloatArray, link: Link, codecs: Sequence[Codec]
) -> FloatArray:
    """What opening the window costs in both directions if every burst finds it closed."""
    ratio = np.array([[codec.ratio.get(d, 1.0) for d in dtypes] for codec in codecs])
    added = slow_start_s(ratio @ up, link.uplink_bytes_per_s, link.rtt_s)
    return added + slow_start_s(ratio @ down, link.downlink_bytes_per_s, link.rtt_s)


def _pool_bytes(
    table: Crossings, held: FloatArray, block_start: IntArray, block_stop: IntArray
) -> tuple[FloatArray, FloatArray]:
    """What the pool of each span adds to the cloud and to the edge."""
    last = len(held) - 1
    cut = np.where(table.start > 0, table.start, table.stop)
    low, high = block_start[cut], block_stop[cut]
    whole = held[high] - held[low]
    inside = held[np.minimum(high, table.stop)] - held[np.maximum(low, table.start)]
    inside = np.maximum(inside, 0.0)
    has_pool = (cut > 0) & (cut < last)
    return np.where(has_pool, whole - inside, 0.0), np.where(has_pool, inside, 0.0)
