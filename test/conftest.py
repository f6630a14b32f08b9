# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Rules that hold for every test.

ROS tests are those below test/ros and those marked `ros`. Without rclpy and the built messages
they are skipped on a laptop; in CI (CI=true) any skipped ROS test fails the run by name.
"""

import importlib
import os
import sys
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
# `python -m pytest` (which is how colcon runs it) puts the repository root on the import path,
# where the folders launch/ and roboecc_msgs/ would pass for packages.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]

IN_CI = os.environ.get("CI") == "true"
ROS_FOLDER = Path(__file__).parent / "ros"
SKIPPED_ROS_TESTS = pytest.StashKey[list[str]]()

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("laptop", deadline=None)
hypothesis.settings.load_profile("ci" if IN_CI else "laptop")


def has_ros() -> bool:
    # Both, and a module of messages: the folder roboecc_msgs alone passes for a package.
    try:
        importlib.import_module("rclpy")
        importlib.import_module("roboecc_msgs.msg")
    except ImportError:
        return False
    return True


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SKIPPED_ROS_TESTS] = []


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    # Their files import rclpy at the top; in CI that error is the right answer.
    if not IN_CI and collection_path == ROS_FOLDER and not has_ros():
        return True
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("ros")]
    if marked and not has_ros():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="rclpy and roboecc_msgs are not installed"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and is_ros(item):
        item.config.stash[SKIPPED_ROS_TESTS].append(item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    if report.skipped and is_ros(collector):  # a whole module, by importorskip or its like
        collector.config.stash[SKIPPED_ROS_TESTS].append(collector.nodeid)
    return report


def is_ros(node: pytest.Item | pytest.Collector) -> bool:
    return node.get_closest_marker("ros") is not None or ROS_FOLDER in node.path.parents


def pytest_sessionfinish(session: pytest.Session) -> None:
    if IN_CI and session.config.stash[SKIPPED_ROS_TESTS]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    skipped = config.stash[SKIPPED_ROS_TESTS]
    if IN_CI and skipped:
        terminalreporter.section("ROS tests skipped in CI: the run fails", red=True)
        for nodeid in skipped:
            terminalreporter.line(nodeid)
