# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The `roboecc` command: verbs of the core, and those that the ROS glue adds where it is."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import EntryPoint, entry_points

import typer

from roboecc_core.cli import (
    bench,
    check_split,
    fake_piper,
    models,
    plan,
    profile,
    reproduce,
    serve,
)
from roboecc_core.errors import ConfigError, RoboEccError

_GLUE_GROUP = "roboecc.verbs"


def build_app() -> typer.Typer:
    """Return the command with every verb that is installed."""
    app = typer.Typer(
        name="roboecc",
        help="One vision-language-action model, split between a robot and a cloud GPU.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command("serve")(serve.serve)
    app.command("fake-piper")(fake_piper.fake_piper)
    app.command("plan")(plan.plan)
    app.command("check-split")(check_split.check_split)
    app.command("reproduce")(reproduce.reproduce)
    app.command("profile")(profile.profile)
    app.add_typer(models.app, name="models")
    app.add_typer(bench.app, name="bench")
    for entry in sorted(entry_points(group=_GLUE_GROUP), key=lambda entry: entry.name):
        _add_glue_verb(app, entry)
    return app


def _add_glue_verb(app: typer.Typer, entry: EntryPoint) -> None:
    """Add a verb of the ROS glue; without ROS it says what is missing when it is called."""
    try:
        app.command(entry.name)(entry.load())
    except ModuleNotFoundError as error:
        missing = error.name

        @app.command(
            entry.name,
            help=f"(needs {missing}, which is not installed here)",
            context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        )
        def unavailable() -> None:
            raise ConfigError(
                f"'roboecc {entry.name}' needs the Python module {missing!r}, which is not "
                "installed here; on a machine without ROS 2 use 'make setup', see README.md"
            )


def main() -> None:
    """Run the command; an error that a user can mend is one line on stderr and exit code 1."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        build_app()()
    except RoboEccError as error:
        sys.stderr.write(f"roboecc: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
