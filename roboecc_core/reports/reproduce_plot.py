# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc reproduce` as pictures: totals paper beside ours, Fig. 2 and Fig. 3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from roboecc_core.planning.cost_table import CostTable
from roboecc_core.reports.figures import nth_from_the_end
from roboecc_core.reports.reproduce import Reproduction
from roboecc_core.reports.row import Row

_STYLE: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
_PARTS = {"edge": "#0072B2", "network": "#E69F00", "cloud": "#009E73"}
_PAPER, _OURS = "#999999", "#D55E00"
_FIG_2_UNITS = 45  # 12 DiT blocks, the way in, 32 Llama blocks


def write_reproduction_plots(folder: Path, made: Reproduction, rows: Sequence[Row]) -> list[Path]:
    """Write three PNG files and return their paths.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_STYLE):
        figures = {
            "tables": _totals(rows),
            "fig2": _fig_2(made),
            "fig3": _fig_3(rows),
        }
        paths = []
        for name, figure in figures.items():
            paths.append(folder / f"reproduce_{name}.png")
            figure.savefig(paths[-1], dpi=120)
    return paths


def _totals(rows: Sequence[Row]) -> Figure:
    shown = [r for r in rows if r.quantity == "total_ms" and r.paper and r.ours]
    labels = [f"{r.table} {r.hardware}\n{r.method}" for r in shown]
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    axes = figure.subplots()
    at = np.arange(len(shown))
    paper = [r.paper or 0.0 for r in shown]
    ours = np.array([r.ours or 0.0 for r in shown])
    low, high = np.array([r.band or (r.ours, r.ours) for r in shown], np.float64).T
    axes.bar(at - 0.2, paper, 0.4, label="paper", color=_PAPER)
    colours = ["#F0C9A8" if r.is_calibrated else _OURS for r in shown]
    axes.bar(at + 0.2, ours, 0.4, color=colours)
    spread = np.maximum(np.array([ours - low, high - ours]), 0.0)
    axes.errorbar(at + 0.2, ours, spread, fmt="none", ecolor="black", capsize=2, lw=0.8)
    for place, row, height in zip(at, shown, np.maximum(paper, ours), strict=True):
        axes.text(
            float(place),
            float(height) + 12,
            f"{row.error_percent:+.0f} %",
            ha="center",
            fontsize=7,
        )
    axes.set_xticks(at, labels, fontsize=6, rotation=45, ha="right")
    axes.set(ylabel="ms a step", title="Totals, paper beside ours; bars: decode share 0.6 to 0.9")
    for colour, label in (("#F0C9A8", "ours, calibrated on this row"), (_OURS, "ours, predicted")):
        axes.bar(0, 0, color=colour, label=label)
    axes.legend(frameon=False)
    return figure


def _fig_2(made: Reproduction) -> Figure:
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    for axes, model in zip(figure.subplots(1, 2), ("openvla-7b", "cogact-b"), strict=True):
        _draw_blocks(axes, made.tables[(model, "orin")], model)
    figure.suptitle("Fig. 2: segmentation advanced from the last block, Orin + A100")
    return figure


def _draw_blocks(axes: Axes, table: CostTable, model: str) -> None:
    structure = table.structure
    count = _FIG_2_UNITS if model.startswith("cogact") else 32
    rows = [
        structure.crossings.row(nth_from_the_end(structure, number))
        for number in range(1, count + 1)
    ]
    parts_ms = 1e3 * np.array([table.breakdown_s(0, row) for row in rows])
    floor = np.zeros(count)
    for (name, colour), part in zip(_PARTS.items(), parts_ms.T, strict=True):
        axes.bar(np.arange(1, count + 1), part, 0.9, floor, label=name, color=colour)
        floor += part
    title = f"{model}: blocks in the cloud"
    axes.set(xlabel="block, counted from the last", ylabel="ms a step", title=title)
    axes.set_ylim(0, 1.15 * floor.max())
    axes.legend(frameon=False, ncols=3)


def _fig_3(rows: Sequence[Row]) -> Figure:
    shown = [r for r in rows if r.table == "fig3" and "ms" in r.quantity]
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    at = np.arange(len(shown))
    axes.bar(at - 0.2, [r.paper or 0.0 for r in shown], 0.4, label="paper", color=_PAPER)
    axes.bar(at + 0.2, [r.ours or 0.0 for r in shown], 0.4, label="ours", color=_OURS)
    labels = ["old, 10 MiB/s", "old, 1 MiB/s", "new, 1 MiB/s"]
    axes.set_xticks(at, labels)
    axes.set(ylabel="ms", title="Fig. 3: one crossing inside CogACT's DiT")
    axes.legend(frameon=False)
    return figure
