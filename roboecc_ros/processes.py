# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""From the description of the nodes to processes: executables, parameter files, environment."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from pathlib import Path

from roboecc_core.errors import ConfigError
from roboecc_ros.bringup import PACKAGE, NodeSpec
from roboecc_ros.supervisor import ProcessSpec

# Local unless the user says otherwise: packets of a demo have no business on the network card.
_ENVIRONMENT = {
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    "RCUTILS_COLORIZED_OUTPUT": "0",  # logs are files
    "PYTHONUNBUFFERED": "1",
}


def process_of(spec: NodeSpec, folder: Path) -> ProcessSpec:
    """Return the process of a node; writes its parameters to `folder`.

    Raises:
        ConfigError: its executable is not installed.
    """
    namespace = f"/{spec.namespace.strip('/')}"
    command = [
        find_executable(spec.package, spec.executable),
        *spec.arguments,
        *("--ros-args", "-r", f"__node:={spec.name}", "-r", f"__ns:={namespace}"),
        *("--params-file", str(_write_parameters(spec, folder))),
    ]
    for before, after in spec.remappings:
        command += ["-r", f"{before}:={after}"]
    defaults = {"ROS_LOG_DIR": str(folder), **_ENVIRONMENT}
    kept = {name: value for name, value in defaults.items() if name not in os.environ}
    return ProcessSpec(
        name=spec.name,
        command=tuple(command),
        order=spec.order,
        is_essential=spec.is_essential,
        is_echoed=spec.executable == "lifecycle_manager_node",
        environment={**kept, **spec.environment},
    )


def find_executable(package: str, executable: str) -> str:
    """Return the path of a package's executable.

    Raises:
        ConfigError: there is none.
    """
    places = [Path(sys.executable).parent, Path(sys.prefix) / "lib" / package]
    places += [Path(prefix) / "lib" / package for prefix in _ament_prefixes()]
    own = places if package == PACKAGE else places[1:]
    for place in own:
        if os.access(place / executable, os.X_OK):
            return str(place / executable)
    found = shutil.which(executable)
    if found is None:
        way_out = "run 'make setup'" if package == PACKAGE else f"install ros-jazzy-{package}"
        raise ConfigError(f"executable {executable!r} of {package} is not installed; {way_out}")
    return found


def _ament_prefixes() -> list[str]:
    try:
        index = importlib.import_module("ament_index_python")
    except ImportError:
        return []
    try:
        prefixes: list[str] = index.get_search_paths()
    except OSError:  # no AMENT_PREFIX_PATH: nothing was sourced
        return []
    return prefixes


def _write_parameters(spec: NodeSpec, folder: Path) -> Path:
    """Write them as YAML, of which JSON is a part: no shell or YAML rule changes a value."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{spec.name}.yaml"
    body = {"/**": {"ros__parameters": dict(spec.parameters)}}
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    return path
