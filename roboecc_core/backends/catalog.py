# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""From what a user types for `model` to a model that can be loaded."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from roboecc_core.backends.checkpoint import CheckpointFolder, Manifest
from roboecc_core.backends.model import Model, Progress, digest_model, load_segment, manifest_path
from roboecc_core.backends.nano import nano_checkpoint
from roboecc_core.backends.openvla import OpenVla
from roboecc_core.data_plane.segment import Segment
from roboecc_core.errors import CheckpointError, ConfigError
from roboecc_core.planning.nano import NANO

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclasses.dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model whose structure is known and whose layers can be loaded."""

    model: Model
    manifest: Manifest
    device: torch.device
    dtype: torch.dtype

    @property
    def model_id(self) -> bytes:
        """The 16 bytes that both hosts compare."""
        return bytes.fromhex(self.manifest.model_id)

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
            dtype=self.dtype,
            progress=progress,
        )
        segment.warm_up()
        return segment


def open_model(
    name: str, *, seed: int = 0, device: str = "auto", dtype: str = "auto", unnorm_key: str = ""
) -> OpenedModel:
    """Open a built-in model by name or a checkpoint by its folder; loads no weights yet.

    Args:
        name: `nano`, or a folder in OpenVLA's layout.
        seed: of the weights of a built-in model.
        device: `auto` (CUDA if there is one), or a torch device.
        dtype: `auto` (float32 on a CPU, else bfloat16), `float32` or `bfloat16`.
        unnorm_key: whose action statistics to use, where a checkpoint has several.

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
    model = OpenVla(CheckpointFolder(folder), dtype=dtype, unnorm_key=unnorm_key)
    return OpenedModel(model, manifest_of(model), place, DTYPES[dtype])


def manifest_of(model: Model) -> Manifest:
    """Return the model's manifest; where there is none, make and keep it if the folder allows.

    Raises:
        CheckpointError: the manifest or a layer is damaged.
    """
    path = manifest_path(model)
    if path.exists():
        return Manifest.load(path)
    manifest = digest_model(model)
    try:
        manifest.save(path)
    except OSError as error:
        raise CheckpointError(
            f"cannot write {str(path)!r}: {error}; write it once with 'roboecc models digest' "
            "where the folder may be written"
        ) from error
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
