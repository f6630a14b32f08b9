# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc bench arm`: is this machine fast enough for the arm?"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from roboecc_core.cli.output import JsonFlag, console, print_json

if TYPE_CHECKING:
    from roboecc_core.arm.piper import Vector

_BARS_MS = {"ik_ms": (0.2, 1.0), "loop_jitter_ms": (None, 2.0), "can_roundtrip_ms": (None, None)}


def arm(
    solves: Annotated[int, typer.Option(min=100, help="Inverse kinematics, how many.")] = 3000,
    seconds: Annotated[float, typer.Option(min=1.0, help="Duration of the command loop.")] = 10.0,
    round_trips: Annotated[int, typer.Option(min=10, help="Commands until feedback.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the random poses.")] = 0,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Time inverse kinematics, the 200 Hz command loop, and a command's way to the joints.

    The loop and the commands go through piper_sdk to a fake arm in another process. The bars:
    a solve in 0.2 ms (median) and 1.0 ms (99 %), a tick late by at most 2 ms (99 %) on an idle
    machine.

    Example: `roboecc bench arm`
    """
    from roboecc_core.arm import arm_bench
    from roboecc_core.arm.piper_can import PiperCan
    from roboecc_core.arm.piper_can_config import PiperCanConfig

    ik = arm_bench.measure_ik(solves, seed)
    alone = arm_bench.measure_loop(seconds, lambda _command: None)
    with _fake_arm() as channel:
        outlet = PiperCan(PiperCanConfig(channel, "slcan"))
        outlet.connect()
        try:
            outlet.enable()
            reasons = []
            loop = arm_bench.measure_loop(
                seconds, lambda command: reasons.append(outlet.send(command))
            )
            trips = arm_bench.measure_round_trips(outlet, round_trips)
        finally:
            outlet.close()
    document = {
        "ik_ms": _percentiles(ik.seconds),
        "ik_cpu_ms": _percentiles(ik.cpu_seconds),
        "ik_exact_percent": 100 * ik.exact_share,
        "loop_hz": len(loop) / seconds,
        "loop_jitter_ms": _percentiles(loop),
        "loop_without_can_jitter_ms": _percentiles(alone),
        "loop_refused": sum(1 for reason in reasons if reason),
        "can_roundtrip_ms": _percentiles(trips),
        "can_answered": len(trips),
    }
    if as_json:
        print_json(document)
        return
    _print_table({"ik_ms": ik.seconds, "loop_jitter_ms": loop, "can_roundtrip_ms": trips})


def _print_table(measured: dict[str, Vector]) -> None:
    table = Table("figure", "p50 ms", "p99 ms", "bar", title="bench arm")
    for name, bar in _BARS_MS.items():
        figures = _percentiles(measured[name]) or {}
        limits = " / ".join("-" if limit is None else f"{limit:g}" for limit in bar)
        table.add_row(name, *(f"{value:.3f}" for value in figures.values()), limits)
    console.print(table)


def _percentiles(seconds: Vector) -> dict[str, float] | None:
    if not len(seconds):
        return None
    ordered = sorted(seconds.tolist())
    last = len(ordered) - 1
    return {
        name: 1000 * ordered[round(share * last)] for name, share in (("p50", 0.5), ("p99", 0.99))
    }


@contextlib.contextmanager
def _fake_arm() -> Iterator[str]:
    """Start a fake arm in a process of its own and yield its channel."""
    verb = [sys.executable, "-m", "roboecc_core.cli.main", "fake-piper"]
    options = ["--port", "0", "--pose", "ready", "--json"]
    process = subprocess.Popen([*verb, *options], stdout=subprocess.PIPE, text=True)
    stdout = process.stdout
    if stdout is None:
        raise AssertionError("Popen was asked for a pipe")
    try:
        yield json.loads(stdout.readline())["channel"]
    finally:
        process.terminate()
        process.wait(5)
        stdout.close()
