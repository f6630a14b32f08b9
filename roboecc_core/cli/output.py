# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What every verb prints: one JSON document on stdout, or a table for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Any

import typer
from rich.console import Console

JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")
]

console = Console(highlight=False)
progress_console = Console(stderr=True, highlight=False)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document; NaN and infinity are a bug, so they raise ValueError."""
    typer.echo(json.dumps(document, allow_nan=False))


def schema(verb: str) -> dict[str, Any]:
    """Return the JSON Schema that a verb's document keeps."""
    file = resources.files("roboecc_core.cli") / "schemas" / f"{verb}.json"
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded
