# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`nano`: a small model of the OpenVLA structure, written as a checkpoint folder from a seed.

It is written once to the cache and from then on read like any other checkpoint, by the same
code.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from roboecc_core.backends.checkpoint import CheckpointFolder
from roboecc_core.backends.families import structure_of
from roboecc_core.backends.model import digest_model, manifest_path
from roboecc_core.backends.random_weights import write_openvla
from roboecc_core.planning.nano import nano_config, nano_folder


def nano_checkpoint(seed: int) -> Path:
    """Return the folder of `nano` with weights from `seed`, writing it if it is not there."""
    return cached_checkpoint(
        nano_folder(seed), lambda folder: write_openvla(folder, nano_config(seed), seed)
    )


def cached_checkpoint(folder: Path, write: Callable[[Path], None]) -> Path:
    """Return a folder that `write` fills once, with its manifest.

    Two processes may call this at once: the folder appears whole or not at all.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=folder.name))
    try:
        write(scratch)
        written = structure_of(CheckpointFolder(scratch), dtype="float32")
        digest_model(written).save(manifest_path(written))
        scratch.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was first
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder
