# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""From what a user types for `model` to a model that can be loaded."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from pathlib import Path

import torch

from roboecc_core.backends.checkpoint import CheckpointFolder, Manifest
from roboecc_core.backends.families import model_of
from roboecc_core.backends.model import Model, Progress, digest_model, load_segment, manifest_path
from roboecc_core.backends.nano import nano_checkpoint
from roboecc_core.data_plane.segment import Segment
from roboecc_core.errors import ConfigError
from roboecc_core.planning.nano import NANO

_log = logging.getLogger(__name__)
DTYPES = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model whose structure is known and whose layers can be loaded."""

    model: Model
    manifest: Manifest
    device: torch.device
    dtype: str
    unnorm_key: str = ""

    @property
    def model_id(self) -> bytes:
        """The 16 bytes that both hosts compare: the manifest's, and the statistics chosen.

        Two hosts that would scale the same network's actions differently refuse each other.
        """
        if not self.unnorm_key or len(self.model.checkpoint.config.get("norm_stats") or {}) < 2:  # noqa: PLR2004
            return bytes.fromhex(self.manifest.model_id)
        chosen = f"{self.manifest.model_id} {self.unnorm_key}"
        return hashlib.sha256(chosen.encode()).digest()[:16]

    def load(self, indices: range | frozenset[int], progress: Progress | None = None) -> Segment:
        """Load these layers, checked against the manifest, and warm them up.

        Raises:
            CheckpointError: a layer is missing, damaged, or not the manifest's.
        """
        segment = load_segment(
            self.model,
            indices,
            self.manifest,
            device=self.device,
            progress=progress,
        )
        segment.warm_up()
        return segment


def open_model(
    name: str,
    *,
    seed: int = 0,
    device: str = "auto",
    dtype: str = "auto",
    unnorm_key: str = "",
    keeps_manifest: bool = True,
) -> OpenedModel:
    """Open a built-in model by name or a checkpoint by its folder; loads no weights yet.

    Args:
        name: `nano`, or a folder in the layout of a known family.
        seed: of the weights of a built-in model.
        device: `auto` (CUDA if there is one), or a torch device.
        dtype: `auto` (float32 on a CPU, else bfloat16), `float32` or `bfloat16`.
        unnorm_key: whose action statistics to use, where a checkpoint has several.
        keeps_manifest: write a missing manifest into the checkpoint's folder.

    Raises:
        ConfigError: a value cannot be used; says which are known.
        CheckpointError: the checkpoint's files are missing or damaged.
    """
    place = place_of(device)
    if dtype == "auto":
        dtype = "float32" if place.type == "cpu" else "bfloat16"
    if dtype not in DTYPES:
        raise ConfigError(f"dtype is {dtype!r}; expected auto, {' or '.join(DTYPES)}")
    folder = nano_checkpoint(seed) if name == NANO else Path(name).expanduser()
    model = model_of(CheckpointFolder(folder), dtype=dtype, unnorm_key=unnorm_key)
    manifest = manifest_of(model, is_kept=keeps_manifest)
    return OpenedModel(model, manifest, place, dtype, unnorm_key)


def manifest_of(model: Model, *, is_kept: bool = True) -> Manifest:
    """Return the model's manifest; where there is none, make it and keep it if it may be.

    Raises:
        CheckpointError: the manifest or a layer is damaged.
    """
    path = manifest_path(model)
    if path.exists():
        return Manifest.load(path)
    manifest = digest_model(model)
    if is_kept:
        try:
            manifest.save(path)
        except OSError as error:
            _log.warning(
                "cannot write %s (%s), so every start reads the whole checkpoint; write it once "
                "with 'roboecc models digest' where the folder may be written",
                path,
                error,
            )
    return manifest


def place_of(name: str) -> torch.device:
    """Return the torch device of what a user types: auto, cpu or cuda[:N].

    Raises:
        ConfigError: it is none, or there is no CUDA.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device is {name!r}; expected auto, cpu or cuda[:N]") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device is {name!r}, but torch sees no CUDA device; use auto or cpu")
    return device


def use_threads(num_threads: int) -> None:
    """Let torch use this many CPU threads in this process; 0 leaves it its own choice."""
    if num_threads:
        torch.set_num_threads(num_threads)
