# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The paper's tables from the model: paper beside ours, every row, none fitted to itself.

Calibrated: edge-only and cloud-only times (the devices) and the Fixed rows' network (the
link). Predicted: everything else. A row that needs a running network names the verb for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from roboecc_core.planning.calibration import ANCHORS, DECODE_BAND, calibrate
from roboecc_core.planning.catalog import model_chain
from roboecc_core.planning.codecs import codecs_named
from roboecc_core.planning.cost_table import CostTable, Structure, cost_table
from roboecc_core.planning.hardware import Device, device
from roboecc_core.planning.link import Link
from roboecc_core.reports.figures import figure_rows
from roboecc_core.reports.paper import (
    PaperFigures,
    SplitRow,
    fitted_link,
    loads_gib,
    span_of_loads,
)
from roboecc_core.reports.row import Row
from roboecc_core.types import CloudSpan

CLOUD = "a100"
MODELS = ("openvla-7b", "cogact-b")
_QUANTITIES = ("edge_ms", "network_ms", "cloud_ms", "total_ms", "edge_gib", "cloud_gib")


@dataclasses.dataclass(frozen=True, slots=True)
class Reproduction:
    """What all rows are made from.

    Attributes:
        tables: by (model, hardware), at the assumed decode share.
        band_tables: likewise at the ends of its band.
    """

    figures: PaperFigures
    link: Link
    tables: dict[tuple[str, str], CostTable]
    band_tables: tuple[dict[tuple[str, str], CostTable], ...]

    @classmethod
    def build(cls) -> Reproduction:
        """Load both models, calibrate, fit the link."""
        figures = PaperFigures.load()
        structures = {model: Structure.of(model_chain(model)) for model in MODELS}
        link = fitted_link(figures.split_rows, structures)

        def tables(devices: dict[str, Device]) -> dict[tuple[str, str], CostTable]:
            raw = codecs_named(["raw"])
            return {
                (model, edge): cost_table(
                    structures[model], devices[edge], devices[CLOUD], link, raw
                )
                for model in MODELS
                for edge in ("orin", "thor")
            }

        names = ("orin", "thor", CLOUD)
        bands = [
            {n: calibrate(device(n), ANCHORS[n], decode_share=share) for n in names}
            for share in DECODE_BAND
        ]
        nominal = {name: device(name) for name in names}
        return cls(figures, link, tables(nominal), tuple(map(tables, bands)))

    def rows(self) -> list[Row]:
        """Every row of every table and figure."""
        split = [row for printed in self.figures.split_rows for row in self._split_rows(printed)]
        return split + figure_rows(self.tables, self.figures)

    def _split_rows(self, printed: SplitRow) -> Iterator[Row]:
        table = self.tables[(printed.model, printed.hardware)]
        span = span_of_loads(table.structure, printed, is_edge_first=True)
        other = span_of_loads(table.structure, printed, is_edge_first=False)
        ours, theirs = quantities(table, span, printed), quantities(table, other, printed)
        bands = [
            quantities(t[(printed.model, printed.hardware)], span, printed)
            for t in self.band_tables
        ]
        for name in _QUANTITIES:
            if not _is_printed(printed, name):
                continue
            band = sorted(b[name] for b in bands)
            yield Row(
                table=printed.table,
                hardware=printed.hardware,
                method=printed.method,
                quantity=name,
                paper=getattr(printed, name),
                ours=ours[name],
                note=_note(printed, name, span, table),
                model=printed.model,
                is_calibrated=_is_calibrated(printed, name),
                cloud_first=theirs[name] if printed.is_split else None,
                band=(band[0], band[1]) if name.endswith("ms") and printed.is_split else None,
            )


def _is_printed(printed: SplitRow, quantity: str) -> bool:
    """Whether the paper has the figure; it prints a dash where a host does nothing."""
    if printed.table == "IV" and quantity.endswith("gib"):
        return False
    return printed.is_split or bool(getattr(printed, quantity))


def quantities(table: CostTable, span: CloudSpan, printed: SplitRow) -> dict[str, float]:
    """Return what a row prints, from the model; the end points as the paper has them."""
    edge_s, network_s, cloud_s = table.breakdown_s(0, table.structure.crossings.row(span))
    if not printed.is_split:
        network_s = 0.0  # the paper's cloud-only pays no upload; `roboecc plan` charges it
    edge_gib, cloud_gib = loads_gib(table.structure, span)
    return {
        "edge_ms": edge_s * 1e3,
        "network_ms": network_s * 1e3,
        "cloud_ms": cloud_s * 1e3,
        "total_ms": (edge_s + network_s + cloud_s) * 1e3,
        "edge_gib": edge_gib,
        "cloud_gib": cloud_gib,
    }


def _is_calibrated(printed: SplitRow, quantity: str) -> bool:
    if not printed.is_split:
        return quantity.endswith("ms")
    return printed.method == "fixed" and quantity == "network_ms"


def _note(printed: SplitRow, quantity: str, span: CloudSpan, table: CostTable) -> str:
    if not printed.is_split:
        if printed.method == "cloud_only" and quantity == "total_ms":
            row = table.structure.crossings.row(span)
            charged = table.total_s[0, row] * 1e3
            return f"calibrated; the paper charges no upload, with it {charged:.0f} ms"
        return "calibrated" if quantity.endswith("ms") else "whole checkpoint"
    first = table.structure.chain.layers[span.start].block
    words = [f"predicted; robot first, cloud from {first} on (cut {span.start})"]
    if _is_calibrated(printed, quantity):
        words[0] = words[0].replace("predicted", "calibrated: link fitted to the four Fixed rows")
    is_cogact_network = quantity == "network_ms" and printed.model == "cogact-b"
    if is_cogact_network and printed.method == "roboecc":
        words.append(_cogact_network(printed, table))
    if quantity == "edge_ms" and printed.hardware == "thor":
        words.append(_thor_decode(table))
    if quantity == "total_ms" and (printed.model, printed.method) == ("openvla-7b", "fixed"):
        words.append(_fixed_shares(printed))
    return "; ".join(words)


def _fixed_shares(printed: SplitRow) -> str:
    whole_ms = {"orin": 1119.4, "thor": 628.9}[printed.hardware]
    edge, cloud = printed.edge_ms / whole_ms, printed.cloud_ms / 151.2
    return (
        f"the row contradicts the whole-model rows: its edge does {edge:.2f} of the edge-only "
        f"time and its cloud {cloud:.2f} of the cloud-only time, {edge + cloud:.2f} together, "
        "while layers add up to 1 (the RoboECC rows do: 0.99)"
    )


def _cogact_network(printed: SplitRow, table: CostTable) -> str:
    structure = table.structure
    cut = CloudSpan(structure.chain.index_of("llama.1.norm1"), structure.num_layers)
    row = structure.crossings.row(cut)
    megabytes = float(structure.crossings.up_bytes[:, row].sum()) / 1e6
    return (
        f"no cut fits: {printed.network_ms:.1f} ms for the {megabytes:.2f} MB of any cut inside "
        f"the language model would take {megabytes / printed.network_ms:.2f} GB/s, against 0.03 "
        "GB/s in the Fixed rows; only the 8 KiB between language model and DiT fit that time, "
        f"and they contradict the printed loads {printed.edge_gib}/{printed.cloud_gib} GiB"
    )


def _thor_decode(table: CostTable) -> str:
    structure = table.structure
    read = sum(
        weight
        for weight, layer in zip(structure.costs.weight_bytes, structure.chain.layers, strict=True)
        if layer.block.startswith("llama.")
    )
    bound_ms = 6 * read / (device("thor").memory_gb_s * 1e9) * 1e3
    return (
        "no efficiency fits Thor: OpenVLA less CogACT is 628.9 - 429.6 = 199 ms, but six decodes "
        f"read 6 x {read / 1e9:.2f} GB in the blocks alone, {bound_ms:.0f} ms at all of 273 GB/s; "
        "so the DiT must cost over 90 ms there, for which Table III's slope leaves about 45"
    )
