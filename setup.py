# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The one source of the package's metadata, for colcon and for pip."""

from collections import defaultdict
from pathlib import Path

from setuptools import find_packages, setup

NAME = "roboecc_edge"
SHARE = Path("share") / NAME
EDGE_NODES = (
    "camera_node",
    "edge_segment_node",
    "network_monitor_node",
    "split_manager_node",
    "piper_arm_node",
    "sim_node",
)


def data_files() -> list[tuple[str, list[str]]]:
    """Return what goes under share/: the package index, package.xml, launch, config, urdf."""
    files = defaultdict(list, {SHARE: ["package.xml"]})
    files[Path("share/ament_index/resource_index/packages")].append(f"resource/{NAME}")
    for folder in ("launch", "config", "urdf"):
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                files[SHARE / path.parent].append(str(path))
    return [(str(target), sources) for target, sources in files.items()]


setup(
    name=NAME,
    version="0.1.0",
    description="Edge-cloud collaborative inference of vision-language-action models on ROS 2",
    author="RoboECC developers",
    maintainer="RoboECC developers",
    maintainer_email="roboecc@users.noreply.github.com",
    license="Apache-2.0",
    python_requires=">=3.11",
    # Named one by one: launch/, test/ and roboecc_msgs/ must not become Python packages.
    packages=find_packages(
        include=[
            f"{package}{suffix}"
            for package in ("roboecc_core", "roboecc_ros", "roboecc_edge", "roboecc_cloud_bridge")
            for suffix in ("", ".*")
        ]
    ),
    package_data={
        "": ["py.typed"],
        "roboecc_core.cli": ["schemas/*.json"],
        "roboecc_core.planning": ["*.yaml", "models/*.yaml"],
        "roboecc_core.reports": ["*.html", "*.html.*", "*.yaml"],
        "roboecc_core.sim": ["*.xml"],
    },
    data_files=data_files(),
    zip_safe=False,
    # The rest is in package.xml (rosdep) and requirements/ (pip), which differ by machine.
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},  # tells colcon to run pytest
    entry_points={
        "console_scripts": [
            "roboecc = roboecc_core.cli.main:main",
            *(f"{node} = roboecc_edge.{node}:main" for node in EDGE_NODES),
            "cloud_bridge_node = roboecc_cloud_bridge.cloud_bridge_node:main",
            "lifecycle_manager_node = roboecc_ros.lifecycle_manager_node:main",
        ],
        # Verbs of `roboecc` that need ROS: the core's command line finds them by this group,
        # so that it never imports what lies above it.
        "roboecc.verbs": [
            "demo = roboecc_ros.verbs.demo:demo",
            "up = roboecc_ros.verbs.up:up",
        ],
    },
)
