# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc models`: what there is, what it is made of, and its digest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from roboecc_core.backends.chains import chain_of
from roboecc_core.cli.output import JsonFlag, console, print_json, progress_console
from roboecc_core.planning.catalog import known_models
from roboecc_core.planning.chain import LayerChain
from roboecc_core.planning.costs import chain_costs

app = typer.Typer(
    help="Known models, their layers, and the digest of a checkpoint.\n\n"
    "Example: `roboecc models show nano`"
)


@app.callback(invoke_without_command=True)
def models(context: typer.Context, *, as_json: JsonFlag = False) -> None:
    """List the built-in models.

    Example: `roboecc models`
    """
    if context.invoked_subcommand is not None:
        return
    known = known_models()
    if as_json:
        print_json({"models": [{"name": n, "description": d} for n, d in known.items()]})
        return
    for model, description in known.items():
        console.print(f"[bold]{model}[/bold]  {description}")
    console.print("…or a YAML description, or the folder of an OpenVLA or CogACT checkpoint")


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="A built-in model, a YAML description, or a checkpoint folder.")
    ],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Print a model's layers and what each costs in a step; the indices are those of every span.

    Example: `roboecc models show nano`
    """
    chain = chain_of(name)
    rows = layer_rows(chain)
    totals = {
        "parameters": chain.num_parameters,
        "gflop": sum(row["gflop"] for row in rows),
        "moved_gb": sum(row["moved_mb"] for row in rows) / 1e3,
        "actions_per_step": chain.actions_per_step,
    }
    if as_json:
        program = [{"phase": p.name, "repeats": p.repeats} for p in chain.program]
        head = {"model": chain.model, "num_layers": chain.num_layers, **totals}
        print_json({**head, "program": program, "layers": rows})
        return
    columns = [name for name in rows[0] if name not in ("reads", "writes")]
    table = Table(*columns, title=f"{chain.model}: layers")
    for row in rows:
        table.add_row(*(_shown(row[name]) for name in columns))
    console.print(table)
    phases = ", ".join(f"{phase.name} x{phase.repeats}" for phase in chain.program)
    console.print(
        f"{chain.num_parameters:,} parameters; a step: {phases}; {totals['gflop']:.1f} GFLOP, "
        f"{totals['moved_gb']:.2f} GB moved, {chain.actions_per_step} actions"
    )


def layer_rows(chain: LayerChain) -> list[dict[str, Any]]:
    """Return every layer with its costs over a whole step."""
    costs = chain_costs(chain)
    flop, moved = costs.step_flop, costs.step_moved_bytes
    return [
        {
            "index": index,
            "name": layer.name,
            "block": layer.block,
            "stage": layer.stage,
            "kind": layer.kind,
            "parameters": layer.num_parameters,
            "gflop": float(flop[index]) / 1e9,
            "moved_mb": float(moved[index]) / 1e6,
            "phases": {p.name: p.repeats for p in chain.program if p.name in layer.io},
            "reads": sorted({name for io in layer.io.values() for name in io.reads}),
            "writes": sorted({name for io in layer.io.values() for name in io.writes}),
        }
        for index, layer in enumerate(chain.layers)
    ]


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} x{repeats}" for name, repeats in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@app.command()
def digest(
    folder: Annotated[Path, typer.Argument(help="A checkpoint folder.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Read every layer once and write the manifest that both hosts check against.

    Example: `roboecc models digest ~/checkpoints/openvla-7b`
    """
    from roboecc_core.backends.checkpoint import CheckpointFolder
    from roboecc_core.backends.families import structure_of
    from roboecc_core.backends.model import digest_model, manifest_path

    model = structure_of(CheckpointFolder(folder), dtype="float32")
    with Progress(console=progress_console, transient=True) as bar:
        task = bar.add_task("digesting layers", total=model.chain.num_layers)
        manifest = digest_model(model, lambda done, _total: bar.update(task, completed=done))
    path = manifest_path(model)
    manifest.save(path)
    if as_json:
        print_json(
            {
                "manifest": str(path),
                "layers": model.chain.num_layers,
                "model_id": manifest.model_id,
            }
        )
        return
    console.print(f"{path}: {model.chain.num_layers} layers, model id {manifest.model_id}")
