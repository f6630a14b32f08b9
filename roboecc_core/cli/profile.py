# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc profile`: this machine as a device that `roboecc plan` takes."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from rich.progress import Progress

from roboecc_core.cli.output import JsonFlag, console, print_json, progress_console
from roboecc_core.errors import ConfigError
from roboecc_core.planning.hardware import Device

if TYPE_CHECKING:
    from roboecc_core.backends.profile_check import CheckRow


# of a core: below it something else ran beside, and times are not this machine's own
_QUIET_SHARE = 0.9


def profile(
    out: Annotated[Path, typer.Option(help="Device file to write.")],
    device: Annotated[str, typer.Option(help="auto, cpu or cuda[:N].")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="torch threads; 0 = torch's own.")] = 0,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Then predict and measure three small models.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Measure this machine layer by layer and write a device file; about a minute on a CPU.

    Example: `roboecc profile --out my-robot.yaml`

    Then: `roboecc plan --model openvla-7b --edge my-robot.yaml --cloud a100`
    """
    from roboecc_core.backends.catalog import place_of, use_threads
    from roboecc_core.backends.profile_check import check as check_profile
    from roboecc_core.backends.profiling import profile as measure

    use_threads(threads)
    place = place_of(device)
    wanted = ("float32" if place.type == "cpu" else "bfloat16") if dtype == "auto" else dtype
    started_s, used_s = time.perf_counter(), time.process_time()
    with Progress(console=progress_console, transient=True) as bar:
        task = bar.add_task("measuring layers", total=None)
        measured, samples = measure(
            place,
            dtype=wanted,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    seconds = time.perf_counter() - started_s
    _write(out, measured)
    rows = check_profile(place, measured, dtype=wanted) if check else []
    wall_s = time.perf_counter() - started_s
    share = (time.process_time() - used_s) / wall_s / max(threads, 1)
    is_disturbed = place.type == "cpu" and share < _QUIET_SHARE
    if is_disturbed:
        progress_console.print(
            f"this machine was busy with other work (RoboECC got {share:.0%} of a core); "
            "measure again when it is quiet"
        )
    document = {
        "device": measured.name,
        "file": str(out),
        "seconds": seconds,
        "layers_measured": len(samples),
        "disturbed": is_disturbed,
        "check": [_row(row) for row in rows] if check else None,
    }
    if as_json:
        print_json(document)
        return
    console.print(f"{out}: {measured.description}; {len(samples)} layers in {seconds:.0f} s")
    for row in rows:
        console.print(
            f"{row.model}: predicted {row.predicted_s * 1e3:.1f} ms, measured "
            f"{row.measured_s * 1e3:.1f} ms, {row.error_percent:+.1f} %"
        )


def _row(row: CheckRow) -> dict[str, Any]:
    return {
        "model": row.model,
        "predicted_ms": row.predicted_s * 1e3,
        "measured_ms": row.measured_s * 1e3,
        "error_percent": row.error_percent,
    }


def _write(path: Path, measured: Device) -> None:
    fields = dataclasses.asdict(measured)
    name = fields.pop("name")
    try:
        path.write_text(yaml.safe_dump({name: fields}, sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {str(path)!r}: {error}") from error
