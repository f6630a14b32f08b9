# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A plan as a picture: latency over the cut, stacked as in the paper's Fig. 2, and the front."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from roboecc_core.planning.cost_table import CostTable
from roboecc_core.planning.deployment import CONTROL_RATE_HZ, Plan
from roboecc_core.types import CloudSpan

# Okabe and Ito's palette, told apart by colour-blind readers too
_COLOURS = {"edge": "#0072B2", "network": "#E69F00", "cloud": "#009E73"}
_BEST = "#D55E00"


def write_plan_plot(path: Path, plan: Plan) -> None:
    """Draw the plan into a PNG (or what the file's ending says).

    Raises:
        OSError, ValueError: the file cannot be written in that format.
    """
    style: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context(style):
        figure = Figure(figsize=(9, 9), layout="constrained")
        over_cut, reverse, front = figure.subplots(3, 1)
        codec = next(i for i, c in enumerate(plan.table.codecs) if c.name == plan.best.codec)
        _draw_cuts(over_cut, plan, codec, is_edge_first=True)
        _draw_cuts(reverse, plan, codec, is_edge_first=False)
        _draw_front(front, plan)
        names = f"{plan.edge.name} + {plan.cloud.name}"
        figure.suptitle(f"{plan.structure.chain.model} on {names}")
    figure.savefig(path, dpi=120)


def cut_rows(table: CostTable, *, is_edge_first: bool) -> list[int]:
    """Rows of the spans [cut, n) or [0, cut) for every cut between two blocks."""
    count, crossings = table.structure.num_layers, table.structure.crossings
    cuts = table.structure.chain.block_boundaries
    spans = [CloudSpan(c, count) if is_edge_first else CloudSpan(0, c) for c in cuts]
    return [crossings.row(span) for span in spans]


def _draw_cuts(axes: Axes, plan: Plan, codec: int, *, is_edge_first: bool) -> None:
    table = plan.table
    cuts = np.array(plan.structure.chain.block_boundaries)
    rows = cut_rows(table, is_edge_first=is_edge_first)
    parts_ms = 1e3 * np.array([table.breakdown_s(codec, row) for row in rows])
    widths = np.diff(np.append(cuts, plan.structure.num_layers + 1))
    floor = np.zeros(len(cuts))
    for (name, colour), part in zip(_COLOURS.items(), parts_ms.T, strict=True):
        axes.bar(cuts, part, widths, floor, align="edge", label=name, color=colour)
        floor += part
    title = "robot first: cloud runs [cut, n)" if is_edge_first else "cloud first: [0, cut)"
    best = plan.best.span
    cut = best.start if is_edge_first else best.stop
    is_here = best.stop == plan.structure.num_layers if is_edge_first else best.start == 0
    if is_here and not best.is_empty:
        axes.axvline(cut, color=_BEST, lw=1.5, label=f"best {best} {plan.best.codec}")
    axes.axhline(1e3 / CONTROL_RATE_HZ, color="black", lw=0.8, ls="--", label="30 Hz")
    load = axes.twinx()
    load.plot(cuts, plan.structure.cloud_bytes[rows] / 2**30, color="#999999", lw=1.2)
    load.set_ylabel("cloud GiB (grey)")
    axes.set(xlabel="cut (layer)", ylabel="ms a step", title=title)
    axes.set_ylim(0, 1.25 * float(floor.max()))
    axes.legend(ncols=5, frameon=False, loc="upper center")


def _draw_front(axes: Axes, plan: Plan) -> None:
    total_ms = [one.total_s * 1e3 for one in plan.pareto]
    megabytes = [max((one.bytes_up + one.bytes_down) / 1e6, 1e-4) for one in plan.pareto]
    load = [one.cloud_gib for one in plan.pareto]
    dots = axes.scatter(total_ms, megabytes, c=load, cmap="viridis", s=28)
    axes.scatter(
        [plan.best.total_s * 1e3],
        [max((plan.best.bytes_up + plan.best.bytes_down) / 1e6, 1e-4)],
        facecolors="none",
        edgecolors=_BEST,
        s=110,
        label="best",
    )
    axes.set(xlabel="ms a step", ylabel="MB a step", yscale="log")
    axes.set_title(f"Pareto front: {len(plan.pareto)} spans and codecs")
    axes.legend(frameon=False)
    axes.figure.colorbar(dots, ax=axes, label="cloud GiB")
