# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc check-split` keeps its JSON contract."""

from __future__ import annotations

import json

import jsonschema
from typer.testing import CliRunner

from roboecc_core.cli import main as cli
from roboecc_core.cli.output import schema


def check(*arguments: str) -> dict:
    result = CliRunner().invoke(
        cli.build_app(), ["check-split", *arguments, "--threads", "1", "--json"]
    )
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    jsonschema.validate(document, schema("check-split"))
    return document


def test_check_split_proves_nano_between_its_parts(nano):
    document = check("--model", "nano")
    assert document["spans_checked"] == document["bit_exact"] == document["actions_equal"] == 37
    assert (document["max_abs_diff"], document["reference"]) == (0.0, None)


def test_check_split_compares_with_a_reference_and_leaves_the_folder_alone(cogact_tiny):
    document = check(
        "--model", str(cogact_tiny), "--reference", str(cogact_tiny / "reference.npz")
    )
    assert document["bit_exact"] == document["spans_checked"]
    assert document["reference"]["actions_max_abs_diff"] < 1e-4
    assert document["reference"]["intermediates_max_abs_diff"] < 1e-4
    assert not (cogact_tiny / "roboecc_manifest.json").exists()
