# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc plan`: which layers belong where, before anything is deployed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from roboecc_core.backends.chains import chain_of
from roboecc_core.cli.output import JsonFlag, console, print_json
from roboecc_core.errors import ConfigError
from roboecc_core.planning.catalog import known_models
from roboecc_core.planning.codecs import DEFAULT_CODECS, codecs_named
from roboecc_core.planning.comparison import Claim, RateRow, claims, rate_rows
from roboecc_core.planning.cost_table import Budgets, Structure
from roboecc_core.planning.deployment import CONTROL_RATE_HZ, Breakdown, Plan
from roboecc_core.planning.deployment import plan as make_plan
from roboecc_core.planning.hardware import Device, device, known_devices
from roboecc_core.planning.link import Link
from roboecc_core.planning.nano import NANO
from roboecc_core.planning.structure import layer_ranges
from roboecc_core.reports.plan_plot import write_plan_plot

_ALL = "all"


def plan(
    model: Annotated[str, typer.Option(help="Model, YAML description, checkpoint, or all.")],
    edge: Annotated[str, typer.Option(help="The robot's device, a device file, or all.")],
    cloud: Annotated[str, typer.Option(help="The cloud's device, a device file, or all.")],
    uplink_mbit_s: Annotated[
        float, typer.Option(help="Robot to cloud, Mbit/s (10^6 bit/s).")
    ] = 200.0,
    downlink_mbit_s: Annotated[float, typer.Option(help="Cloud to robot, Mbit/s.")] = 200.0,
    rtt_ms: Annotated[float, typer.Option(help="Round trip of an empty frame, ms.")] = 5.0,
    cloud_budget_gib: Annotated[
        float | None, typer.Option(help="Cloud memory for this robot, GiB.")
    ] = None,
    cloud_budget_gflop: Annotated[
        float | None, typer.Option(help="What the cloud may compute in a step, GFLOP.")
    ] = None,
    edge_memory_gib: Annotated[
        float | None, typer.Option(help="The robot's memory, GiB; widens the pool to fill it.")
    ] = None,
    codecs: Annotated[str, typer.Option(help="Codecs to choose among.")] = ",".join(
        DEFAULT_CODECS
    ),
    plot: Annotated[Path | None, typer.Option(help="Write latency over the cut to a PNG.")] = None,
    *,
    raw_images: Annotated[bool, typer.Option(help="Whether pictures may leave the robot.")] = True,
    as_json: JsonFlag = False,
) -> None:
    """Say which layers belong where, what a step then costs, and why.

    Example: `roboecc plan --model openvla-7b --edge orin --cloud a100 --cloud-budget-gib 12.1`

    Which device for which model at which rate:
    `roboecc plan --model all --edge all --cloud all`
    """
    if _ALL in (model, edge, cloud):
        _compare(model, edge, cloud, as_json=as_json)
        return
    result = make_plan(
        Structure.of(chain_of(model)),
        (device(edge), device(cloud)),
        Link.of_mbit_s(uplink_mbit_s, downlink_mbit_s, rtt_ms=rtt_ms),
        codecs_named([name.strip() for name in codecs.split(",")]),
        Budgets(
            cloud_gib=_limit(cloud_budget_gib),
            edge_gib=_limit(edge_memory_gib),
            cloud_gflop=_limit(cloud_budget_gflop),
            allow_raw_images=raw_images,
        ),
    )
    if plot is not None:
        _write_plot(plot, result)
    if as_json:
        print_json(plan_document(result))
    else:
        _print_plan(result)


def _limit(value: float | None) -> float:
    return math.inf if value is None else value


def _write_plot(path: Path, result: Plan) -> None:
    try:
        write_plan_plot(path, result)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot write plot {str(path)!r}: {error}") from error


def _entry(one: Breakdown) -> dict[str, Any]:
    return {
        "span": [one.span.start, one.span.stop],
        "codec": one.codec,
        "edge_ms": one.edge_s * 1e3,
        "network_ms": one.network_s * 1e3,
        "cloud_ms": one.cloud_s * 1e3,
        "total_ms": one.total_s * 1e3,
        "action_hz": one.action_hz,
        "bytes_up": one.bytes_up,
        "bytes_down": one.bytes_down,
        "round_trips": one.round_trips,
        "cloud_gib": one.cloud_gib,
        "edge_gib": one.edge_gib,
        "within_budgets": one.is_within_budgets,
    }


def plan_document(result: Plan) -> dict[str, Any]:
    """Return the JSON document of one plan."""
    held = result.residency
    return {
        "model": result.structure.chain.model,
        "edge": result.edge.name,
        "cloud": result.cloud.name,
        "best": _entry(result.best),
        "edge_only": _entry(result.edge_only),
        "cloud_only": _entry(result.cloud_only) if result.cloud_only else None,
        "pareto": [_entry(one) for one in result.pareto],
        "residency": {
            "edge": layer_ranges(held.edge.nonzero()[0].tolist()),
            "cloud": layer_ranges(held.cloud.nonzero()[0].tolist()),
            "pool": layer_ranges(held.pool.nonzero()[0].tolist()),
            "pool_mib": held.held_bytes(held.pool) / 2**20,
            "edge_gib": held.held_bytes(held.edge) / 2**30,
            "cloud_gib": held.held_bytes(held.cloud) / 2**30,
        },
        "candidates": len(result.candidates),
        "ladder": [str(one) for one in result.candidates],
        "reason": result.reason,
    }


def _print_plan(result: Plan) -> None:
    named = {"best": result.best, "edge-only": result.edge_only, "cloud-only": result.cloud_only}
    shown = {name: one for name, one in named.items() if one is not None}
    title = (
        f"{result.structure.chain.model} on {result.edge.name} and {result.cloud.name}, modelled"
    )
    table = Table("", *shown, title=title)
    for label, cell in _LINES.items():
        table.add_row(label, *(cell(one) for one in shown.values()))
    console.print(table)
    held = result.residency
    mib = held.held_bytes(held.pool) / 2**20
    console.print(
        f"pool {_ranges_text(layer_ranges(held.pool.nonzero()[0].tolist()))}, {mib:.1f} MiB; "
        f"{len(result.candidates)} candidates; control wants {CONTROL_RATE_HZ:.0f} actions/s"
    )
    console.print(result.reason)
    assumed = {c.name: c.source for c in codecs_named(sorted({o.codec for o in shown.values()}))}
    for name, source in assumed.items():
        if "assumed" in source:
            console.print(f"codec {name} is modelled and cannot be run yet: {source}")


def _ranges_text(ranges: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"[{start}, {stop})" for start, stop in ranges) or "none"


_LINES: dict[str, Callable[[Breakdown], str]] = {
    "cloud span": lambda one: str(one.span),
    "codec": lambda one: one.codec,
    "edge ms": lambda one: f"{one.edge_s * 1e3:.1f}",
    "network ms": lambda one: f"{one.network_s * 1e3:.1f}",
    "cloud ms": lambda one: f"{one.cloud_s * 1e3:.1f}",
    "total ms": lambda one: f"{one.total_s * 1e3:.1f}",
    "actions/s": lambda one: f"{one.action_hz:.2f}",
    "round trips": lambda one: str(one.round_trips),
    "MB up, down": lambda one: f"{one.bytes_up / 1e6:.3f}, {one.bytes_down / 1e6:.3f}",
    "GiB cloud, edge": lambda one: f"{one.cloud_gib:.2f}, {one.edge_gib:.2f}",
    "within budgets": lambda one: "yes" if one.is_within_budgets else "no",
}


def _compare(model: str, edge: str, cloud: str, *, as_json: bool) -> None:
    """Every model whole on every device, and the second seed's claims."""
    models = [n for n in known_models() if n != NANO] if model == _ALL else [model]
    devices = {one.name: one for name in (edge, cloud) for one in _devices(name)}
    rows = rate_rows(models, devices.values())
    judged = claims(rows)
    if as_json:
        print_json({"rows": [_row(r) for r in rows], "claims": [_claim(c) for c in judged]})
        return
    table = Table(title="every model on every device, modelled")
    for column in ("model", "device", "mode", "ms a chunk", "actions/s", "peak GiB", "30 Hz"):
        table.add_column(column)
    for row in rows:
        figures = (f"{row.chunk_s * 1e3:.1f}", f"{row.action_hz:.2f}", f"{row.peak_gib:.1f}")
        verdict = "does not fit" if row.fits is False else "yes" if row.meets_30_hz else "no"
        table.add_row(row.model, row.device, row.power_mode or "", *figures, verdict)
    console.print(table)
    words = {True: "held", False: "not held", None: "unknown"}
    for one in judged:
        console.print(f"[bold]{words[one.is_held]}[/bold]  {one.claim}: {one.evidence}")


def _devices(name: str) -> list[Device]:
    if name == _ALL:  # the paper's own presets are Eq. 2 with full shares, no machine
        return [one for one in known_devices().values() if not one.name.endswith("-paper")]
    return [device(name)]


def _row(row: RateRow) -> dict[str, Any]:
    return {
        "model": row.model,
        "device": row.device,
        "power_mode": row.power_mode,
        "chunk_ms": row.chunk_s * 1e3,
        "action_hz": row.action_hz,
        "peak_gib": row.peak_gib,
        "meets_30_hz": row.meets_30_hz,
        "fits": row.fits,
    }


def _claim(one: Claim) -> dict[str, Any]:
    return {"claim": one.claim, "held": one.is_held, "evidence": one.evidence}
