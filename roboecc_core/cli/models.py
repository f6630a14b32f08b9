# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc models`: what there is, what it is made of, and its digest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from roboecc_core.cli.output import JsonFlag, console, print_json, progress_console
from roboecc_core.planning.nano import NANO, nano_config
from roboecc_core.planning.openvla import OpenVlaStructure
from roboecc_core.planning.structure import LayerChain

app = typer.Typer(
    help="Known models, their layers, and the digest of a checkpoint.\n\n"
    "Example: `roboecc models show nano`"
)


def known_models() -> dict[str, str]:
    """Return the built-in models with a line on each."""
    return {NANO: "small OpenVLA structure, random weights from a seed, needs no download"}


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
    for name, description in known.items():
        console.print(f"[bold]{name}[/bold]  {description}")
    console.print("…or a folder in OpenVLA's checkpoint layout")


def chain_of(name: str) -> LayerChain:
    """Return the layer chain of a built-in model or a checkpoint folder, reading no weights."""
    if name == NANO:
        return OpenVlaStructure.from_config(nano_config(0), name=NANO).chain("float32")
    from roboecc_core.backends.checkpoint import read_json  # torch: only when needed

    folder = Path(name)
    structure = OpenVlaStructure.from_config(read_json(folder / "config.json"), name=folder.name)
    return structure.chain("bfloat16")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A built-in model, or a checkpoint folder.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Print a model's layers; their indices are those of every span.

    Example: `roboecc models show nano`
    """
    chain = chain_of(name)
    rows = [
        {"index": index, "name": layer.name, "block": layer.block, "stage": layer.stage}
        for index, layer in enumerate(chain.layers)
    ]
    if as_json:
        print_json({"model": chain.model, "num_layers": chain.num_layers, "layers": rows})
        return
    table = Table("index", "layer", "block", "stage", title=f"{chain.model}: layers")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)


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
    from roboecc_core.backends.model import digest_model, manifest_path
    from roboecc_core.backends.openvla import OpenVla

    model = OpenVla(CheckpointFolder(folder), dtype="float32")
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
