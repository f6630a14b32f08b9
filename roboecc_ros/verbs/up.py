# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc up`: the nodes of piper.launch.py where `ros2 launch` is not installed."""

from __future__ import annotations

import dataclasses
import inspect
import json
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from roboecc_core.errors import ConfigError
from roboecc_ros.bringup import BringupArguments, robot_nodes
from roboecc_ros.described import Setting, settings
from roboecc_ros.processes import process_of
from roboecc_ros.supervisor import Supervisor


def up(**options: Any) -> None:
    """Bring up cloud, robot and simulation as processes until Ctrl-C.

    Example: `roboecc up --span llama.2.norm1:n`
    """
    is_json, logs = options.pop("json"), options.pop("logs")
    folder = Path(logs or f"runs/up-{time.strftime('%Y%m%d-%H%M%S')}")
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: signals.append(received))
    started_s = time.monotonic()
    try:
        arguments = checked(options)
        processes = [process_of(spec, folder) for spec in robot_nodes(arguments)]
    except ConfigError as error:
        _say(f"roboecc up: {error}")
        raise typer.Exit(1) from None
    _say(f"starting {len(processes)} processes; logs and parameters are in {folder}")
    with Supervisor(processes, folder, _say) as supervisor:
        is_well = supervisor.watch(lambda: bool(signals))
    codes = supervisor.exit_codes
    _say(f"ended {len(codes)} processes")
    if is_json:
        took_s = round(time.monotonic() - started_s, 3)
        document = {"processes": codes, "seconds": took_s, "logs": str(folder)}
        sys.stdout.write(json.dumps(document) + "\n")
    if not is_well:
        raise typer.Exit(1)


def checked(options: dict[str, Any]) -> BringupArguments:
    """Return the arguments of typed options. Raises ConfigError naming one that is not allowed."""
    values: dict[str, Any] = {
        s.field: s.checked(options[s.field]) for s in settings(BringupArguments)
    }
    return BringupArguments(**values)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _option(setting: Setting) -> inspect.Parameter:
    flag = f"--{setting.name.replace('_', '-')}"
    flags = f"{flag}/--no-{flag[2:]}" if isinstance(setting.default, bool) else flag
    words = f"{setting.description} ({setting.allowed})"
    return inspect.Parameter(
        setting.field,
        inspect.Parameter.KEYWORD_ONLY,
        default=setting.default,
        annotation=Annotated[type(setting.default), typer.Option(flags, help=words)],
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Common:
    """Options that launch files do not have."""

    json: Any = Annotated[bool, typer.Option("--json", help="print one JSON document at the end")]
    logs: Any = Annotated[str, typer.Option("--logs", help="folder for logs; else runs/up-TIME")]


# typer reads options from the signature, so the one description makes them, too.
up.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [
        *(_option(setting) for setting in settings(BringupArguments)),
        inspect.Parameter(
            "json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_Common().json
        ),
        inspect.Parameter(
            "logs", inspect.Parameter.KEYWORD_ONLY, default="", annotation=_Common().logs
        ),
    ]
)
