# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc reproduce`: the paper's tables and figures from the model, paper beside ours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from roboecc_core.cli.output import JsonFlag, console, print_json
from roboecc_core.errors import ConfigError
from roboecc_core.reports.paper import RULE
from roboecc_core.reports.reproduce import Reproduction
from roboecc_core.reports.reproduce_plot import write_reproduction_plots
from roboecc_core.reports.row import Row

_ONE_DECIMAL_FROM = 100.0  # a hundredth of a ms says nothing there


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
    for title, group in itertools.groupby(rows, key=_title):
        console.print(_table(title, list(group)))
    console.print(
        "c = calibrated on this very row; band = decode efficiency 0.6 to 0.9; "
        "cloud 1st = the cloud-first reading"
    )
    for note in dict.fromkeys(row.note for row in rows):
        console.print(f"* {note}")
    if plots is not None:
        console.print("plots: " + ", ".join(map(str, paths)))


def _title(row: Row) -> str:
    places = [part for part in (row.model, row.hardware) if part]
    return f"{row.table}: {' on '.join(places)}" if places else row.table


def _table(title: str, rows: Sequence[Row]) -> Table:
    """One table of the paper on one device: narrow enough for 80 columns."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("method", "quantity"):
        table.add_column(column, no_wrap=True)
    for column in ("paper", "ours", "err %", "band", "cloud 1st", "err %"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        band = "" if row.band is None else f"{row.band[0]:.0f}-{row.band[1]:.0f}"
        table.add_row(
            row.method,
            row.quantity,
            _shown(row.paper),
            _shown(row.ours) + (" c" if row.is_calibrated else ""),
            _shown(row.error_percent),
            band,
            _shown(row.cloud_first),
            _shown(row.cloud_first_error_percent),
        )
    return table


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if abs(value) >= _ONE_DECIMAL_FROM else f"{value:.2f}"


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
