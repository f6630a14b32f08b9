# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc bench overhead` with real processes; the figure itself belongs to a quiet machine."""

from __future__ import annotations

import json

import jsonschema
from typer.testing import CliRunner

from roboecc_core.cli import main as cli
from roboecc_core.cli.output import schema
from roboecc_core.errors import ConfigError


def test_bench_overhead_measures_nano_over_two_processes(nano):
    result = CliRunner().invoke(
        cli.build_app(), ["bench", "overhead", "--model", "nano", "--runs", "3", "--json"]
    )
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    jsonschema.validate(document, schema("bench-overhead"))
    low, high = document["interval95"]
    assert low <= document["overhead_percent"] <= high
    assert document["round_trips"] == 7
    assert document["split_ms"] > document["wire_ms"] > 0.0


def test_bench_overhead_says_what_a_span_looks_like(nano):
    result = CliRunner().invoke(
        cli.build_app(), ["bench", "overhead", "--model", "nano", "--span", "x"]
    )
    assert isinstance(result.exception, ConfigError)
    assert "expected a:b" in str(result.exception)
