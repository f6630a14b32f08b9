# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc bench`: figures of this machine."""

from __future__ import annotations

import typer

from roboecc_core.cli import bench_arm, bench_overhead, bench_plan

app = typer.Typer(
    help="Measure this machine.\n\nExample: `roboecc bench arm`", no_args_is_help=True
)
app.command("arm")(bench_arm.arm)
app.command("overhead")(bench_overhead.overhead)
app.command("plan")(bench_plan.plan)
