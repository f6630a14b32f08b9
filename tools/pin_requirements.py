# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Rewrite requirements/pip-machine.txt from pip-machine.in: what `make pins` runs.

Installs the list into a throw-away environment and writes down every distribution that this
brought. Left out: pip itself, and what a CUDA build of torch brings along, so that the same
file serves machines whose pip finds torch's CPU build and machines whose pip does not.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
HEADER = """\
# Everything that requirements/pip-machine.in brings, pinned: Linux x86_64, Python 3.11.
# Written by `make pins`; edit pip-machine.in, never this file.
"""
MACHINE_DEPENDENT = re.compile(r"(pip|wheel|triton|nvidia-.*|cuda-.*)==", re.IGNORECASE)


# Not `pip freeze`: the ROS wheels carry the metadata of the packages inside them, too, which
# look like distributions of their own. Only what pip installed has its name as INSTALLER.
LIST_INSTALLED = """
from importlib.metadata import distributions
for one in distributions():
    if (one.read_text("INSTALLER") or "").strip() == "pip":
        print(f"{one.name}=={one.version}")
"""


def pins(installed: str) -> list[str]:
    """Return the lines that hold on every machine, without build tags such as +cpu."""
    kept = (line for line in installed.splitlines() if not MACHINE_DEPENDENT.match(line))
    return sorted((line.partition("+")[0] for line in kept), key=str.lower)


def install(source: Path) -> str:
    """Return what installing a list brings into a new environment, one `name==version` a line."""
    with tempfile.TemporaryDirectory() as folder:
        python = str(Path(folder, "bin", "python"))
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", str(source)], check=True)
        listing = [python, "-c", LIST_INSTALLED]
        return subprocess.run(listing, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    found = pins(install(REQUIREMENTS / "pip-machine.in"))
    (REQUIREMENTS / "pip-machine.txt").write_text(HEADER + "\n".join(found) + "\n")
    print(f"{len(found)} distributions pinned")
