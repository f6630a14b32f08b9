# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Set up .venv, a whole ROS 2 workspace from PyPI wheels: what `make setup` runs.

A chain of stages. Each leaves a stamp with the digest of its inputs and of all stages before
it, so a stage runs again exactly when something that it was made from has changed; with nothing
changed the program only hashes a few small files. It runs before anything is installed, on the
Python 3.11 that the Makefile has found, so it uses the standard library alone.
"""

from __future__ import annotations

import ctypes
import dataclasses
import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STATE = VENV / ".roboecc"  # stamps, logs, the messages' build folder
REQUIREMENTS = ROOT / "requirements" / "pip-machine.txt"
DATA_FOLDERS = ("launch", "config", "urdf")

# What to install is named as Debian names it; a program is found by its name, a library by
# loading it, because a package may be installed and its library still not be loadable.
PROGRAMS = {"make": "make", "g++": "g++"}
RENDERERS = ("libEGL.so.1", "libOSMesa.so.8", "libOSMesa.so.6")  # MuJoCo needs one of them
RENDERER_PACKAGES = "libegl1 libgl1-mesa-dri"

# The wheels' CMake files name the machine on which they were built.
BUILDER_NUMPY = re.compile(
    r"/opt/python/cp\d+-cp\d+/lib/python3\.\d+/site-packages/numpy/\w+/include"
)
BUILDER_PYTHON = re.compile(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+")

UNDERLAY = """\
# Written by `make setup`: makes this environment an underlay of colcon workspaces.
case ":$AMENT_PREFIX_PATH:" in
  *":{prefix}:"*) ;;
  *) export AMENT_PREFIX_PATH="{prefix}${{AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}}" ;;
esac
case ":$PATH:" in
  *":{prefix}/bin:"*) ;;
  *) export PATH="{prefix}/bin:$PATH" ;;
esac
export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
export ROS_AUTOMATIC_DISCOVERY_RANGE="${{ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}}"
"""


class SetupError(Exception):
    """Something that the person at the keyboard has to put right; its text is one line."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """One step of the set-up: what it is made from, and how it is made."""

    name: str
    title: str
    run: Callable[[], None]
    inputs: Callable[[], Iterable[Path]] = tuple  # files, whose names count too


# ------------------------------------------------------------------ the machine


def check_machine() -> None:
    """Check everything that pip cannot bring.

    Raises:
        SetupError: with all missing Debian packages in one line.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise SetupError(
            f"no ROS wheels for {sys.platform} {platform.machine()}, only for Linux x86_64; "
            "use a ROS 2 Jazzy installation and requirements/robot.txt (README.md)"
        )
    missing = missing_packages()
    if missing:
        names = ", ".join(missing)
        raise SetupError(f"{names} missing; apt-get install {' '.join(missing.values())}")


def missing_packages() -> dict[str, str]:
    """Return what is missing and the Debian package that brings it."""
    missing = {
        program: package for program, package in PROGRAMS.items() if not shutil.which(program)
    }
    if not importlib.util.find_spec("ensurepip"):
        missing["Python's venv module"] = "python3.11-venv"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        missing["Python's headers"] = "python3.11-dev"
    if not any(map(can_load, RENDERERS)):
        missing["a rendering library (EGL or OSMesa)"] = RENDERER_PACKAGES
    return missing


def can_load(library: str) -> bool:
    """Return whether the dynamic linker finds a library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


# ------------------------------------------------------------------ stages


def make_environment() -> None:
    """Make .venv; begin anew if it was made elsewhere, because its scripts name their Python."""
    config = VENV / "pyvenv.cfg"
    lines = config.read_text().splitlines() if config.is_file() else []
    if not any(line.startswith("command") and line.endswith(f" {VENV}") for line in lines):
        shutil.rmtree(VENV, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(VENV)], log="environment")


def install_packages() -> None:
    """Install the pinned list, then make the wheels' CMake files name this machine."""
    # Without --no-compile, though it would save 40 s: where PYTHONDONTWRITEBYTECODE is set, as in
    # many containers, every process that imports torch would then take 10 s longer.
    pip("install", "-r", str(REQUIREMENTS), log="packages")
    numpy_include = output([str(PYTHON), "-c", "import numpy; print(numpy.get_include())"])
    python_include = sysconfig.get_path("include")
    for path in VENV.glob("share/*/cmake/*__rosidl_generator_pyExport.cmake"):
        text = BUILDER_NUMPY.sub(numpy_include, path.read_text())
        path.write_text(BUILDER_PYTHON.sub(python_include, text))


def build_messages() -> None:
    """Build roboecc_msgs and install it into .venv, where it needs no sourcing."""
    cmake, build = str(VENV / "bin" / "cmake"), str(STATE / "roboecc_msgs")
    shutil.rmtree(build, ignore_errors=True)
    configure = [cmake, "-S", str(ROOT / "roboecc_msgs"), "-B", build, "-GNinja"]
    options = [f"-DCMAKE_INSTALL_PREFIX={VENV}", "-DBUILD_TESTING=OFF", "-Wno-dev"]
    run([*configure, *options], log="messages")
    run([cmake, "--build", build, "--target", "install"], log="messages")


def write_underlay() -> None:
    """Write the files by which colcon chains .venv below a workspace."""
    (VENV / "local_setup.sh").write_text(UNDERLAY.format(prefix=VENV))
    for name in ("local_setup.bash", "local_setup.zsh", "setup.sh", "setup.bash"):
        (VENV / name).write_text(f'. "{VENV}/local_setup.sh"\n')


def install_workspace() -> None:
    """Install this repository in development mode, as an ament prefix too.

    Not by a path entry to the repository root: `import launch` and `import roboecc_msgs` would
    find its folders. pip with a pyproject.toml and setuptools >= 64 installs a finder that knows
    the Python packages of setup.py by name and nothing else, so edited and new files are seen at
    once and only setup.py itself asks for another installation. That leaves out data files:
    share/ and lib/ get links, as `colcon build --symlink-install` makes them.
    """
    pip("install", "--no-build-isolation", "--no-deps", "-e", str(ROOT), log="workspace")
    share, library = VENV / "share" / "roboecc_edge", VENV / "lib" / "roboecc_edge"
    index = VENV / "share" / "ament_index" / "resource_index" / "packages"
    link(ROOT / "resource" / "roboecc_edge", index / "roboecc_edge")
    shutil.rmtree(share, ignore_errors=True)  # links, and what they pointed to may be gone
    link(ROOT / "package.xml", share / "package.xml")
    for file in data_files():  # one by one: `ros2 launch` follows no link to a folder
        link(file, share / file.relative_to(ROOT))
    for script in VENV.glob("bin/*_node"):
        link(script, library / script.name)


def message_files() -> list[Path]:
    """Return what roboecc_msgs is built from, in a fixed order."""
    return sorted(path for path in (ROOT / "roboecc_msgs").rglob("*") if path.is_file())


def data_files() -> list[Path]:
    """Return what is installed into share/, in a fixed order."""
    return sorted(path for name in DATA_FOLDERS for path in (ROOT / name).glob("*.*"))


def metadata_files() -> list[Path]:
    """Return what an installation in development mode copies or links file by file."""
    named = [ROOT / name for name in ("setup.py", "setup.cfg", "package.xml")]
    return [*named, *data_files()]


STAGES = (
    Stage("environment", "Python environment", make_environment),
    Stage("packages", "packages, about two minutes", install_packages, lambda: [REQUIREMENTS]),
    Stage("messages", "roboecc_msgs, about 30 s", build_messages, message_files),
    Stage("underlay", "colcon underlay", write_underlay),
    Stage("workspace", "this repository, editable", install_workspace, metadata_files),
)


# ------------------------------------------------------------------ doing it


def set_up() -> None:
    """Run the stages whose inputs have changed since they last ran."""
    STATE.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(f"{ROOT} {sys.version}".encode() + Path(__file__).read_bytes())
    for number, stage in enumerate(STAGES, start=1):
        for path in stage.inputs():
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
        digest.update(stage.name.encode())
        stamp = STATE / f"{stage.name}.stamp"
        if stamp.is_file() and stamp.read_text() == digest.hexdigest():
            continue
        print(f"[{number}/{len(STAGES)}] {stage.title} ...", flush=True)
        start_s = time.monotonic()
        stage.run()
        stamp.write_text(digest.hexdigest())
        print(f"[{number}/{len(STAGES)}] done in {time.monotonic() - start_s:.0f} s", flush=True)


def pip(*arguments: str, log: str) -> None:
    """Run the environment's pip, which warns at length about what is no concern here."""
    run([str(PYTHON), "-m", "pip", *arguments, "-q", "--disable-pip-version-check"], log=log)


def run(command: list[str], *, log: str) -> None:
    """Run a command quietly.

    Raises:
        SetupError: it failed; names its last words and the file that has all of them.
    """
    STATE.mkdir(parents=True, exist_ok=True)
    path = STATE / f"{log}.log"
    with path.open("w") as stream:
        result = subprocess.run(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment(),
            cwd=ROOT,
            check=False,
        )
    if result.returncode != 0:
        lines = [line for line in path.read_text().splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()]
        last = (errors or lines or ["no output"])[-1].strip()
        raise SetupError(f"{log} failed: {last} (all of it: {path.relative_to(ROOT)})")


def output(command: list[str]) -> str:
    """Return what a command prints."""
    result = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    return result.stdout.strip()


def environment() -> dict[str, str]:
    """Return the variables for child processes: .venv first, and no trace of another Python's."""
    foreign = ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE")
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    path = f"{VENV}/bin{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "AMENT_PREFIX_PATH": str(VENV)}


def link(target: Path, place: Path) -> None:
    """Make `place` a symbolic link to `target`."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def main() -> int:
    """Check the machine, then (without --check) set up, one process at a time."""
    try:
        check_machine()
        if "--check" in sys.argv[1:]:
            return 0
        with REQUIREMENTS.open() as lock:  # any file that is always there
            fcntl.flock(lock, fcntl.LOCK_EX)
            set_up()
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
