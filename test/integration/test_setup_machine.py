# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


setup_machine = load("setup_machine")
pin_requirements = load("pin_requirements")


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An empty workspace with two counting stages; the second is made from a file."""
    monkeypatch.setattr(setup_machine, "ROOT", tmp_path)
    monkeypatch.setattr(setup_machine, "STATE", tmp_path / ".venv" / ".roboecc")
    source = tmp_path / "source.txt"
    source.write_text("one")
    ran: list[str] = []
    stages = (
        setup_machine.Stage("first", "first", lambda: ran.append("first")),
        setup_machine.Stage("second", "second", lambda: ran.append("second"), lambda: [source]),
        setup_machine.Stage("third", "third", lambda: ran.append("third")),
    )
    monkeypatch.setattr(setup_machine, "STAGES", stages)
    return source, ran


def test_set_up_runs_every_stage_once_when_nothing_changes(workspace):
    _, ran = workspace
    setup_machine.set_up()
    setup_machine.set_up()
    assert ran == ["first", "second", "third"]


def test_set_up_runs_the_changed_stage_and_those_after_it(workspace):
    source, ran = workspace
    setup_machine.set_up()
    ran.clear()
    source.write_text("two")
    setup_machine.set_up()
    assert ran == ["second", "third"]


def test_set_up_runs_a_stage_again_after_it_failed(workspace, monkeypatch):
    _, ran = workspace
    stages = setup_machine.STAGES

    def fail() -> None:
        raise setup_machine.SetupError("no")

    broken = (stages[0], setup_machine.Stage("second", "second", fail, stages[1].inputs))
    monkeypatch.setattr(setup_machine, "STAGES", broken)
    with pytest.raises(setup_machine.SetupError):
        setup_machine.set_up()
    monkeypatch.setattr(setup_machine, "STAGES", stages)
    setup_machine.set_up()
    assert ran == ["first", "second", "third"]


@pytest.mark.parametrize(("made_at", "is_remade"), [("here", False), ("elsewhere", True)])
def test_environment_is_remade_when_it_was_made_elsewhere(
    workspace, tmp_path, monkeypatch, made_at, is_remade
):
    venv = tmp_path / ".venv"
    venv.mkdir()
    place = venv if made_at == "here" else "/elsewhere/.venv"
    (venv / "pyvenv.cfg").write_text(f"version = 3.11\ncommand = python3.11 -m venv {place}\n")
    commands: list[list[str]] = []
    monkeypatch.setattr(setup_machine, "VENV", venv)
    monkeypatch.setattr(setup_machine, "run", lambda command, **_: commands.append(command))
    setup_machine.make_environment()
    assert venv.exists() != is_remade
    assert [command[-1] for command in commands] == [str(venv)] * is_remade


def test_run_names_the_last_error_and_the_log_in_one_line(workspace):
    program = "print('Error: no such thing'); print('bye'); raise SystemExit(3)"
    with pytest.raises(setup_machine.SetupError) as caught:
        setup_machine.run([sys.executable, "-c", program], log="packages")
    assert str(caught.value) == (
        "packages failed: Error: no such thing (all of it: .venv/.roboecc/packages.log)"
    )


@pytest.mark.parametrize(
    ("broken", "value", "package"),
    [
        ("PROGRAMS", {"no-such-g++": "g++"}, "g++"),
        ("RENDERERS", ("libNoSuch.so.1",), "libegl1 libgl1-mesa-dri"),
    ],
)
def test_missing_thing_is_one_line_that_names_its_package(
    monkeypatch, capsys, broken, value, package
):
    monkeypatch.setattr(setup_machine, broken, value)
    assert setup_machine.main() == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].endswith(f"missing; apt-get install {package}")


def test_missing_headers_are_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(setup_machine.sysconfig, "get_path", lambda _: str(tmp_path))
    assert setup_machine.main() == 2
    assert capsys.readouterr().err == (
        "set-up: Python's headers missing; apt-get install python3.11-dev\n"
    )


def test_wrong_processor_points_to_a_ros_installation(monkeypatch, capsys):
    monkeypatch.setattr(setup_machine.platform, "machine", lambda: "aarch64")
    assert setup_machine.main() == 2
    assert "requirements/robot.txt" in capsys.readouterr().err


def test_make_names_the_package_when_python_is_missing_or_wrong():
    result = subprocess.run(
        ["make", "-s", "machine", "PYTHON=no-such-python"],
        cwd=TOOLS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "apt-get install python3.11 python3.11-venv python3.11-dev" in result.stderr


def test_builder_paths_are_found_in_a_wheels_cmake_file():
    line = "/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include"
    assert setup_machine.BUILDER_NUMPY.fullmatch(line)
    assert setup_machine.BUILDER_PYTHON.fullmatch("/opt/python/cp311-cp311/include/python3.11")


def test_pins_drop_build_tags_and_what_only_some_machines_have():
    installed = "torch==2.13.0+cpu\nB==1\na==2\nnvidia-cublas==13\npip==23\ntriton==3\n"
    assert pin_requirements.pins(installed) == ["a==2", "B==1", "torch==2.13.0"]
