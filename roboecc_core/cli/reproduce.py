# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc reproduce`: the paper's tables and figures from the model, paper beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from roboecc_core.cli.output import JsonFlag, console, print_json
from roboecc_core.errors import ConfigError
from roboecc_core.reports.paper import RULE
from roboecc_core.reports.reproduce import Reproduction
from roboecc_core.reports.reproduce_plot import write_reproduction_plots
from roboecc_core.reports.row import Row


def reproduce(
    plots: Annotated[Path | None, typer.Option(help="Write three PNG files to a folder.")] = None,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Print Tables II to IV, Figs. 2, 3 and 6, the PIPER rows and the headline, paper and ours.

    Example: `roboecc reproduce`
    """
    made = Reproduction.build()
    rows = made.rows()
    if plots is not None:
        try:
            paths = write_reproduction_plots(plots, made, rows)
        except OSError as error:
            raise ConfigError(f"cannot write plots to {str(plots)!r}: {error}") from error
    link = {"mbit_s": made.link.uplink_bytes_per_s * 8e-6, "rtt_ms": made.link.rtt_s * 1e3}
    if as_json:
        print_json({"rule": RULE, "link": link, "rows": [_document(row) for row in rows]})
        return
    console.print(f"rule: {RULE}")
    console.print(
        f"link fitted to the Fixed rows: {link['mbit_s']:.0f} Mbit/s, {link['rtt_ms']:.2f} ms RTT"
    )
    columns = ("table", "on", "model", "method", "quantity", "paper", "ours", "error %")
    table = Table(*columns, "decode 0.6-0.9", "cloud first", "error %")
    for row in rows:
        table.add_row(*_cells(row))
    console.print(table)
    for note in dict.fromkeys(row.note for row in rows):
        console.print(f"* {note}")
    if plots is not None:
        console.print("plots: " + ", ".join(map(str, paths)))


def _cells(row: Row) -> tuple[str, ...]:
    band = "" if row.band is None else f"{row.band[0]:.0f}-{row.band[1]:.0f}"
    kind = " (calibrated)" if row.is_calibrated else ""
    return (
        row.table,
        row.hardware,
        row.model,
        row.method,
        row.quantity,
        _shown(row.paper),
        _shown(row.ours) + kind,
        _shown(row.error_percent),
        band,
        _shown(row.cloud_first),
        _shown(row.cloud_first_error_percent),
    )


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _document(row: Row) -> dict[str, Any]:
    return {
        "table": row.table,
        "hardware": row.hardware or None,
        "method": row.method,
        "quantity": row.quantity,
        "paper": row.paper,
        "ours": row.ours,
        "error_percent": row.error_percent,
        "note": row.note,
        "model": row.model or None,
        "calibrated": row.is_calibrated,
        "ours_cloud_first": row.cloud_first,
        "error_percent_cloud_first": row.cloud_first_error_percent,
        "band": list(row.band) if row.band else None,
    }
