# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The launch files against the description of the nodes, where launch is installed or not.

Without it, the few classes that they use are replaced by ones that record what they are given.
"""

import importlib
import importlib.util
import runpy
import sys
import types
from pathlib import Path

import pytest

from roboecc_core.errors import ConfigError
from roboecc_ros import described
from roboecc_ros.bringup import BringupArguments, CloudArguments, cloud_nodes, robot_nodes

ROOT = Path(__file__).resolve().parents[3]
FILES = [
    ("piper.launch.py", BringupArguments, robot_nodes),
    ("cloud.launch.py", CloudArguments, cloud_nodes),
]
CHANGES = [
    {},
    {"seed": "3", "namespace": "arm7"},
    {"sim": "false", "cloud": "tcp/10.0.0.2:7447", "camera": "clip.mp4", "rviz": "true"},
]


class Recorded:
    """Keeps what it is constructed with."""

    def __init__(self, *positional, **named):
        self.positional, self.named = positional, named


class LaunchConfiguration(Recorded):
    def perform(self, context):
        return context[self.positional[0]]


MODULES = {
    "launch": {"LaunchDescription": Recorded},
    "launch.actions": {
        name: type(name, (Recorded,), {})
        for name in ("DeclareLaunchArgument", "OpaqueFunction", "Shutdown")
    },
    "launch.substitutions": {"LaunchConfiguration": LaunchConfiguration},
    "launch_ros": {},
    "launch_ros.actions": {"Node": Recorded},
}


@pytest.fixture
def recording(monkeypatch):
    """Stand-ins in place of launch and launch_ros."""
    for name, attributes in MODULES.items():
        module = types.ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "roboecc_ros.launching", raising=False)
    yield
    sys.modules.pop("roboecc_ros.launching", None)


def described_by(file):
    [entities] = runpy.run_path(str(ROOT / "launch" / file))[
        "generate_launch_description"
    ]().positional
    return entities[:-1], entities[-1].named["function"]


@pytest.mark.parametrize(("file", "arguments_class", "_nodes_of"), FILES)
def test_launch_file_declares_every_argument_with_description_and_default(
    recording, file, arguments_class, _nodes_of
):
    declared, _ = described_by(file)
    found = {one.positional[0]: one.named for one in declared}
    settings = {setting.name: setting for setting in described.settings(arguments_class)}
    assert found.keys() == settings.keys()
    for name, setting in settings.items():
        assert setting.description in found[name]["description"]
        assert setting.parsed(found[name]["default_value"]) == setting.default


@pytest.mark.parametrize(("file", "arguments_class", "nodes_of"), FILES)
@pytest.mark.parametrize("changes", CHANGES)
def test_launch_file_starts_exactly_the_described_nodes(
    recording, file, arguments_class, nodes_of, changes
):
    declared, start = described_by(file)
    texts = {one.positional[0]: one.named["default_value"] for one in declared}
    texts |= {name: text for name, text in changes.items() if name in texts}
    expected = nodes_of(described.from_text(arguments_class, texts))
    actions = [action.named for action in start(texts)]
    assert [
        (a["package"], a["executable"], a["name"], a["namespace"], a["parameters"])
        for a in actions
    ] == [(n.package, n.executable, n.name, n.namespace, [dict(n.parameters)]) for n in expected]
    assert [a["remappings"] for a in actions] == [list(n.remappings) for n in expected]
    assert [bool(a["on_exit"]) for a in actions] == [n.is_essential for n in expected]


def test_launch_refuses_an_argument_that_is_not_allowed(recording):
    declared, start = described_by("piper.launch.py")
    texts = {one.positional[0]: one.named["default_value"] for one in declared}
    with pytest.raises(ConfigError, match="'outlet' is 'ur5'"):
        start({**texts, "outlet": "ur5"})


@pytest.mark.parametrize("file", [file for file, _, _ in FILES])
def test_launch_files_are_short(file):
    assert len((ROOT / "launch" / file).read_text().splitlines()) <= 60


def has_launch():
    spec = importlib.util.find_spec("launch_ros")
    return spec is not None and spec.origin is not None


if has_launch():  # no skip where it is not installed: the tests above cover that

    @pytest.mark.parametrize(("file", "arguments_class", "nodes_of"), FILES)
    def test_real_launch_starts_exactly_the_described_nodes(file, arguments_class, nodes_of):
        launch = importlib.import_module("launch")
        source = launch.launch_description_sources.PythonLaunchDescriptionSource(
            str(ROOT / "launch" / file)
        )
        context = launch.LaunchContext()
        description = source.get_launch_description(context)
        names = [argument.name for argument in description.get_launch_arguments()]
        assert names == [setting.name for setting in described.settings(arguments_class)]
        for entity in description.entities[:-1]:
            entity.visit(context)
        actions = description.entities[-1].execute(context)
        expected = nodes_of(arguments_class())
        assert [a.node_executable for a in actions] == [n.executable for n in expected]
        assert [a.node_package for a in actions] == [n.package for n in expected]
