# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc bench plan`: how long the planner's own work takes on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import numpy as np
import typer

from roboecc_core.cli.output import JsonFlag, console, print_json


def plan(
    model: Annotated[str, typer.Option(help="Model to search.")] = "openvla-7b",
    repeats: Annotated[int, typer.Option(min=3, help="How often to measure each.")] = 50,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Time the search over all spans and codecs, the Pareto front and a re-decision.

    From a loaded structure, on one core: nothing in it uses more.

    Example: `roboecc bench plan`
    """
    from roboecc_core.backends.chains import chain_of
    from roboecc_core.control_plane.split_manager import LinkEstimate, decide
    from roboecc_core.planning.candidates import candidates
    from roboecc_core.planning.codecs import DEFAULT_CODECS, codecs_named
    from roboecc_core.planning.cost_table import Budgets, Structure
    from roboecc_core.planning.deployment import pareto
    from roboecc_core.planning.hardware import device
    from roboecc_core.planning.link import Link
    from roboecc_core.planning.residency import residency
    from roboecc_core.planning.segmentation import search

    chain, codecs = chain_of(model), codecs_named(DEFAULT_CODECS)
    edge, cloud, budgets = device("orin"), device("a100"), Budgets(cloud_gib=12.1)
    link = Link.of_mbit_s(208.0, 208.0, rtt_ms=4.8)
    structure = Structure.of(chain)
    table, best = search(structure, edge, cloud, link, codecs, budgets)
    held = residency(structure, structure.crossings.span(best.row), Budgets(), is_wide=True)
    ladder = candidates(table, held, best=best)
    estimate = LinkEstimate(
        is_reachable=True, rtt_s=0.0048, uplink_bytes_per_s=26e6, downlink_bytes_per_s=26e6
    )
    document = {
        "model": model,
        "search_ms": _ms(
            lambda: search(structure, edge, cloud, link, codecs, budgets), repeats=repeats
        ),
        "pareto_ms": _ms(lambda: pareto(table, budgets), repeats=max(3, repeats // 5)),
        "redecide_ms": _ms(
            lambda: decide(ladder, estimate, current=ladder[0]), repeats=20 * repeats
        ),
        "structure_ms": _ms(lambda: Structure.of(chain), repeats=3),
        "spans": structure.crossings.num_spans,
        "codecs": len(codecs),
        "candidates": len(ladder),
    }
    if as_json:
        print_json(document)
        return
    console.print(
        f"{model}: {document['spans']} spans x {len(codecs)} codecs, {len(ladder)} candidates"
    )
    for name in ("structure_ms", "search_ms", "pareto_ms", "redecide_ms"):
        figures = document[name]
        console.print(f"{name}: {figures}")


def _ms(work: Callable[[], object], *, repeats: int) -> dict[str, float]:
    """Median and 99th percentile of a call's wall time, after one call to warm up."""
    work()
    times_s = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - started_s)
    median, p99 = np.percentile(times_s, (50, 99)) * 1e3
    return {"median": float(median), "p99": float(p99)}
