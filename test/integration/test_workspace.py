# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import ast
import configparser
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("roboecc_core", "roboecc_ros", "roboecc_edge", "roboecc_cloud_bridge")
NODE_FILES = sorted(path for package in PACKAGES for path in ROOT.glob(f"{package}/*_node.py"))
MAX_NODE_LINES = 149  # a node is wiring: under 150 lines


def manifest(folder: str) -> ElementTree.Element:
    return ElementTree.parse(ROOT / folder / "package.xml").getroot()  # noqa: S314  # our own file


@pytest.fixture(scope="module")
def metadata() -> dict[str, object]:
    """What setup.py passes to setup(), without running a build."""
    code = (
        "import setuptools, json, runpy; seen = {};"
        "setuptools.setup = seen.update; runpy.run_path('setup.py');"
        "print(json.dumps({k: seen[k] for k in ('name', 'version', 'packages', 'data_files')}))"
    )
    code = code.replace("seen.update", "lambda **keywords: seen.update(keywords)")
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return yaml.safe_load(result.stdout)


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    found = [re.match(r"([\w.-]+)(?:\[[\w,]+\])?(.*)", line) for line in lines if line[:1] != "#"]
    return {match[1].lower().replace("_", "-"): match[2].strip() for match in found if match}


def entry_points(group: str) -> list[importlib.metadata.EntryPoint]:
    distribution = importlib.metadata.distribution("roboecc-edge")
    return [entry for entry in distribution.entry_points if entry.group == group]


def version_of(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


# ------------------------------------------------------------------ metadata


def test_versions_agree_between_both_manifests_setup_py_and_changelog(metadata):
    version = metadata["version"]
    assert manifest(".").findtext("version") == version
    assert manifest("roboecc_msgs").findtext("version") == version
    assert re.search(
        rf"^{re.escape(version)} ", (ROOT / "CHANGELOG.rst").read_text(), re.MULTILINE
    )


def test_names_agree_between_manifest_setup_py_and_resource_index(metadata):
    assert manifest(".").findtext("name") == metadata["name"]
    assert (ROOT / "resource" / str(metadata["name"])).is_file()
    script_folder = f"$base/lib/{metadata['name']}"
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    assert config["develop"]["script_dir"] == config["install"]["install_scripts"] == script_folder


def test_setup_py_installs_only_the_four_python_packages(metadata):
    assert {name.partition(".")[0] for name in metadata["packages"]} == set(PACKAGES)


def test_setup_py_installs_every_launch_config_and_urdf_file(metadata):
    installed = {source for _, sources in metadata["data_files"] for source in sources}
    present = {
        str(path.relative_to(ROOT))
        for folder in ("launch", "config", "urdf")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert present <= installed
    assert {"package.xml", "resource/roboecc_edge"} <= installed


def test_messages_are_all_named_in_cmakelists():
    cmake = (ROOT / "roboecc_msgs" / "CMakeLists.txt").read_text()
    listed = set(re.findall(r'"((?:msg|srv)/\w+\.(?:msg|srv))"', cmake))
    folder = ROOT / "roboecc_msgs"
    present = {str(path.relative_to(folder)) for path in folder.glob("[ms][sr][gv]/*.*")}
    assert listed == present


def test_colcon_defaults_name_the_nested_package_for_every_verb():
    defaults = yaml.safe_load((ROOT / "colcon_defaults.yaml").read_text())
    for verb in ("build", "test", "list", "graph"):
        assert defaults[verb]["base-paths"] == [".", "roboecc_msgs"]


# ------------------------------------------------------------------ entry points


@pytest.mark.parametrize("group", ["console_scripts", "roboecc.verbs"])
def test_entry_points_name_functions_that_exist_where_their_module_does(group):
    for entry in entry_points(group):
        path = ROOT / f"{entry.module.replace('.', '/')}.py"
        if path.is_file():  # read, not imported: this test must run without ROS
            assert entry.attr in names_defined_in(path), entry


def test_every_node_file_has_an_executable():
    scripts = {entry.name: entry.module for entry in entry_points("console_scripts")}
    for path in NODE_FILES:
        assert scripts.get(path.stem) == f"{path.parent.name}.{path.stem}"


def names_defined_in(path: Path) -> set[str]:
    body = ast.parse(path.read_text()).body
    functions = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    targets = [node.targets for node in body if isinstance(node, ast.Assign)]
    return functions | {
        name.id for names in targets for name in names if isinstance(name, ast.Name)
    }


def test_node_files_stay_under_150_lines():
    long = {path.name: len(path.read_text().splitlines()) for path in NODE_FILES}
    assert {name: lines for name, lines in long.items() if lines > MAX_NODE_LINES} == {}


# ------------------------------------------------------------------ requirements


def test_pip_machine_pins_every_distribution_by_version_alone():
    for name, constraint in pins("pip-machine.txt").items():
        assert re.fullmatch(r"==[\w.]+", constraint), f"{name}{constraint}"


def test_pip_machine_holds_what_cv_bridge_and_colcon_need():
    pinned = pins("pip-machine.txt")
    assert pinned["torch"] == "==2.13.0"
    assert version_of(pinned["numpy"]) < (2, 3)
    assert version_of(pinned["opencv-python-headless"]) < (5,)
    assert version_of(pinned["setuptools"]) < (80,)
    assert version_of(pinned["transformers"]) >= (5, 23)


def test_pip_machine_list_and_its_pins_name_the_same_distributions():
    assert set(pins("pip-machine.in")) <= set(pins("pip-machine.txt"))


@pytest.mark.parametrize("name", ["pip-machine.txt", "pip-machine.in", "robot.txt"])
def test_requirements_leave_out_timm_and_torchvision(name):
    assert {"timm", "torchvision"}.isdisjoint(pins(name))


def test_robot_requirements_are_ranges_without_torch_and_rclpy():
    ranges = pins("robot.txt")
    assert {"torch", "rclpy", "ros-jazzy-rclpy"}.isdisjoint(ranges)
    assert all(constraint.startswith(">=") for constraint in ranges.values())


# ------------------------------------------------------------------ import paths and CI


def test_repository_root_is_not_on_the_import_path():
    assert str(ROOT) not in sys.path
    launch = importlib.util.find_spec("launch")
    assert launch is None or launch.origin is not None, "launch/ passes for a package"


@pytest.mark.ros
def test_messages_come_from_the_installed_package():
    from roboecc_msgs.msg import StepTiming

    assert StepTiming.get_fields_and_field_types()["round_trips"] == "uint32"


SKIPPING = {
    "test_marked.py": "import pytest\n@pytest.mark.ros\n@pytest.mark.skip\ndef test_a(): pass\n",
    "ros/test_module.py": "import pytest\npytest.importorskip('no_such')\ndef test_a(): pass\n",
    "ros/test_expected.py": "import pytest\n@pytest.mark.xfail\ndef test_a(): assert 0\n",
    "test_other.py": "import pytest\n@pytest.mark.skip\ndef test_a(): pass\n",
}


@pytest.mark.parametrize("ci", ["true", "false"])
def test_skipped_ros_test_fails_the_run_in_ci_only(tmp_path, ci):
    (tmp_path / "ros").mkdir()
    (tmp_path / "conftest.py").write_text((ROOT / "test" / "conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    ros: x\n")
    for name, text in SKIPPING.items():
        (tmp_path / name).write_text(text)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)],
        env={**os.environ, "CI": ci},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    _, _, named = result.stdout.partition("the run fails")
    expected = pytest.ExitCode.TESTS_FAILED if ci == "true" else pytest.ExitCode.OK
    assert result.returncode == expected, result.stdout
    assert ("test_marked.py::test_a" in named) == (ci == "true")
    assert ("test_module.py" in named) == (ci == "true")
    assert "test_expected.py" not in named
    assert "test_other.py" not in named
