# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc bench arm` measures what it says; its bars are for an idle machine, not for CI."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
from typer.testing import CliRunner

from roboecc_core.arm import arm_bench
from roboecc_core.cli import main as cli
from roboecc_core.cli.output import schema


def test_bench_arm_keeps_its_schema_and_every_command_passes():
    options = ["--solves", "100", "--seconds", "1", "--round-trips", "10"]
    result = CliRunner().invoke(cli.build_app(), ["bench", "arm", *options, "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    jsonschema.validate(document, schema("bench-arm"))
    assert document["loop_hz"] == 200.0
    assert document["loop_refused"] == 0
    assert document["can_answered"] == 10
    assert document["ik_ms"]["p50"] < 5.0


def test_random_moves_are_the_same_for_a_seed_and_the_size_of_actions():
    first, again = (list(arm_bench.random_moves(20, seed=4)) for _ in range(2))
    for (target, start), (same, _) in zip(first, again, strict=True):
        np.testing.assert_array_equal(target.translation, same.translation)
        moved_m, turned_rad = arm_bench.PiperKinematics().forward(start).distance_to(target)
        assert moved_m <= 0.03 + 1e-9
        assert turned_rad <= 0.15 + 1e-9
