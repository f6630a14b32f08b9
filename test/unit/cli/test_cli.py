# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Every verb keeps its JSON Schema; what a user types wrong is one line and exit code 1."""

from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pytest
from typer.testing import CliRunner

from roboecc_core.cli import main as cli
from roboecc_core.cli.output import schema
from roboecc_core.cli.serve import parse_layers
from roboecc_core.errors import ConfigError


def run_json(*arguments: str) -> dict:
    result = CliRunner().invoke(cli.build_app(), [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_every_schema_is_a_valid_schema():
    folder = resources.files("roboecc_core.cli") / "schemas"
    names = [file.name.removesuffix(".json") for file in folder.iterdir()]
    assert {"demo", "serve", "models"} <= set(names)
    for name in names:
        jsonschema.Draft202012Validator.check_schema(schema(name))


def test_models_lists_what_is_built_in():
    document = run_json("models")
    jsonschema.validate(document, schema("models"))
    assert "nano" in [model["name"] for model in document["models"]]


def test_models_show_prints_the_layer_table():
    document = run_json("models", "show", "nano")
    jsonschema.validate(document, schema("models-show"))
    assert [layer["index"] for layer in document["layers"]] == list(range(document["num_layers"]))


def test_help_of_every_verb_has_an_example():
    app = cli.build_app()
    for verb in ("serve", "models", "check-split", "demo", "up"):
        result = CliRunner().invoke(app, [verb, "--help"])
        assert result.exit_code == 0
        assert f"roboecc {verb}" in result.stdout.split("Options")[0].replace("Usage: roboecc", "")


@pytest.mark.parametrize("text", ["", "5", "3:2", "0:999", "a:b", "0:2:3"])
def test_parse_layers_says_what_it_expects_when_the_text_is_no_list_of_ranges(text):
    with pytest.raises(ConfigError, match="expected 'all' or ranges"):
        parse_layers(text, 77)


def test_parse_layers_takes_all_and_ranges():
    assert parse_layers("all", 3) == {0, 1, 2}
    assert parse_layers("0:2,5:6", 10) == {0, 1, 5}


def test_main_prints_one_line_and_exits_with_1_when_the_user_erred(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["roboecc", "models", "show", "/nowhere"])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    assert exited.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("roboecc: checkpoint folder '/nowhere' does not exist")
    assert captured.err.count("\n") == 1


def test_a_verb_whose_module_is_missing_says_so(monkeypatch):
    class Missing:
        name = "up"

        def load(self):
            raise ModuleNotFoundError("No module named 'rclpy'", name="rclpy")

    monkeypatch.setattr(cli, "entry_points", lambda **_: [Missing()])
    result = CliRunner().invoke(cli.build_app(), ["up", "--cloud", "x"])
    assert isinstance(result.exception, ConfigError)
    assert "needs the Python module 'rclpy'" in str(result.exception)
