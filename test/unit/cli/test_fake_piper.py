# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc fake-piper`: one JSON document when ready, and words for what is typed wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import jsonschema
import pytest
from typer.testing import CliRunner

from roboecc_core.cli import main as cli
from roboecc_core.cli.output import schema
from roboecc_core.errors import ConfigError


def invoke(*arguments):
    return CliRunner().invoke(cli.build_app(), ["fake-piper", *arguments])


def test_prints_one_document_answers_and_ends_at_a_signal():
    command = [sys.executable, "-m", "roboecc_core.cli.main", "fake-piper", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--json", "--fault", "silence@0"], stdout=subprocess.PIPE, text=True
    )
    try:
        ready = json.loads(process.stdout.readline())
        jsonschema.validate(ready, schema("fake-piper"))
        told = invoke("--port", str(ready["port"]), "--tell", "state")
        assert json.loads(told.stdout)["faults"] == ["silence"]
        wrong = invoke("--port", str(ready["port"]), "--tell", "fault nonsense")
        assert "no fault is called 'nonsense'" in str(wrong.exception)
        taken = invoke("--port", str(ready["port"]))
        assert "cannot listen on" in str(taken.exception)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert process.stdout.read() == ""
        process.stdout.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--firmware", "new"), "firmware is 'new'"),
        (("--fault", "silence@soon"), "expected NAME@SECONDS"),
        (("--fault", "nonsense@1"), "no fault is called"),
        (("--port", "1", "--tell", "state"), "no fake arm answers at 127.0.0.1:1"),
    ],
)
def test_what_is_typed_wrong_is_said_in_words(arguments, words):
    result = invoke(*arguments)
    assert isinstance(result.exception, ConfigError)
    assert words in str(result.exception)
