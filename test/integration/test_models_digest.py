# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc models digest` writes the manifest that hosts check against."""

from __future__ import annotations

import json
import shutil

import jsonschema
from typer.testing import CliRunner

from roboecc_core.cli import main as cli
from roboecc_core.cli.output import schema


def test_models_digest_writes_the_manifest_of_a_folder(nano, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(nano.model.checkpoint.folder, folder)
    (folder / "roboecc_manifest.json").unlink()
    result = CliRunner().invoke(cli.build_app(), ["models", "digest", str(folder), "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    jsonschema.validate(document, schema("models-digest"))
    assert document["model_id"] == nano.manifest.model_id
    assert (folder / "roboecc_manifest.json").exists()
