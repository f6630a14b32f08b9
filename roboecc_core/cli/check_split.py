# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc check-split`: is the split model the model?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from roboecc_core.cli.output import JsonFlag, console, print_json, progress_console
from roboecc_core.types import CloudSpan

if TYPE_CHECKING:
    from roboecc_core.backends.catalog import OpenedModel
    from roboecc_core.backends.split_check import SpanResult
    from roboecc_core.data_plane.segment import Segment

_MAX_NAMED = 5  # spans that differ, named for people


def check_split(
    model: Annotated[str, typer.Option(help="Checkpoint folder or built-in model.")],
    reference: Annotated[
        Path | None, typer.Option(help="npz of the original implementation's tensors.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda[:N].")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    unnorm_key: Annotated[str, typer.Option(help="Whose action statistics to use.")] = "",
    seed: Annotated[int, typer.Option(help="Of the made-up image and instruction.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="torch threads; 0 = torch's own.")] = 0,
    *,
    all_cuts: Annotated[
        bool,
        typer.Option(
            "--all-cuts", help="Every span of whole blocks and every cut inside a block."
        ),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run a model split at many spans, through frame bytes, against the same model unsplit.

    Exit code 1 if any span's actions differ. Without --all-cuts only the cuts between the
    model's large parts are tried.

    Example: `roboecc check-split --model nano --all-cuts`
    """
    from roboecc_core.backends.catalog import open_model, use_threads

    use_threads(threads)
    opened = open_model(
        model, device=device, dtype=dtype, unnorm_key=unnorm_key, keeps_manifest=False
    )
    segment = opened.load(range(opened.model.chain.num_layers))
    results = _check(opened, segment, seed=seed, all_cuts=all_cuts)
    document: dict[str, Any] = {
        "model": opened.model.chain.model,
        "layers": opened.model.chain.num_layers,
        "dtype": opened.dtype,
        "device": str(opened.device),
        "spans_checked": len(results),
        "bit_exact": sum(result.is_bit_exact for result in results),
        "actions_equal": sum(result.actions_equal for result in results),
        "max_abs_diff": _finite(max(result.max_abs_diff for result in results)),
        "reference": _reference(segment, reference) if reference else None,
    }
    if as_json:
        print_json(document)
    else:
        _print(document, [result.span for result in results if not result.is_bit_exact])
    if document["actions_equal"] < document["spans_checked"]:
        raise typer.Exit(1)


def _check(
    opened: OpenedModel, segment: Segment, *, seed: int, all_cuts: bool
) -> list[SpanResult]:
    from roboecc_core.backends.families import family_of
    from roboecc_core.backends.split_check import (
        all_spans,
        check_spans,
        made_up_inputs,
        stage_spans,
    )

    chain = opened.model.chain
    inputs = {
        name: tensor.to(opened.device) for name, tensor in made_up_inputs(chain, seed=seed).items()
    }
    expected = family_of(opened.model.checkpoint).unsplit(opened.model).run(inputs)
    spans = all_spans(chain) if all_cuts else stage_spans(chain)
    with Progress(console=progress_console, transient=True) as bar:
        task = bar.add_task("running spans", total=len(spans))
        return check_spans(segment, expected, inputs, spans, lambda: bar.advance(task))


def _reference(segment: Segment, file: Path) -> dict[str, Any]:
    from roboecc_core.backends.reference import compare, load_reference

    report = compare(segment, load_reference(file))
    return {
        "token_ids_equal": report.token_ids_equal,
        "actions_max_abs_diff": None if report.actions is None else _finite(report.actions),
        "intermediates_max_abs_diff": _finite(report.worst) if report.intermediates else None,
        "intermediates": {name: _finite(d) for name, d in report.intermediates.items()},
        "rotary_dtype": report.rotary_dtype,
    }


def _finite(difference: float) -> float:
    """JSON knows no infinity; a NaN or another shape counts as the largest number there is."""
    return min(difference, 1.7e308)


def _print(document: dict[str, Any], differing: list[CloudSpan]) -> None:
    console.print(
        "{model} ({dtype}, {device}), {layers} layers: {spans_checked} spans, {bit_exact} "
        "bit-exact, {actions_equal} with equal actions, largest difference "
        "{max_abs_diff:.3g}".format(**document)
    )
    if differing:
        named = ", ".join(str(span) for span in differing[:_MAX_NAMED])
        console.print(f"not bit-exact: {named}{' …' * (len(differing) > _MAX_NAMED)}")
    for name, value in (document["reference"] or {}).items():
        console.print(f"reference {name}: {value}")
