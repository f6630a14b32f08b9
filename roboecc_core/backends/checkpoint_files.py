# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""One file of tensors, memory-mapped: safetensors, or what `torch.save` writes.

Nothing is ever unpickled but plain tensors (`weights_only`).
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open

from roboecc_core.errors import CheckpointError


class TensorFile(Protocol):
    """A file that holds named tensors."""

    path: Path

    def keys(self) -> list[str]:
        """Return the names of its tensors.

        Raises:
            CheckpointError: the file is missing or damaged.
        """
        ...

    def tensor(self, key: str) -> torch.Tensor:
        """Return one tensor, sharing the mapped file where it can.

        Raises:
            CheckpointError: the file is missing or damaged, or has no such tensor.
        """
        ...


class SafetensorsFile:
    """A safetensors file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keys(self) -> list[str]:
        """Return the names of its tensors."""
        try:
            with safe_open(str(self.path), framework="pt") as reader:
                return list(reader.keys())
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                f"cannot open {str(self.path)!r}: {error}; expected a safetensors file"
            ) from error

    def tensor(self, key: str) -> torch.Tensor:
        """Return one tensor."""
        try:
            with safe_open(str(self.path), framework="pt") as reader:
                tensor: torch.Tensor = reader.get_tensor(key)
                return tensor
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                f"cannot read tensor {key!r} from {str(self.path)!r}: {error}; the file is "
                "missing or damaged, fetch it again"
            ) from error


class TorchFile:
    """A state dictionary that `torch.save` wrote, nested or flat; keys are joined by dots.

    A dictionary under "model" counts instead of its parent, and the prefix `module.` that
    parallel training leaves behind is dropped. `prefix` goes in front of every key.
    """

    def __init__(self, path: Path, *, prefix: str = "") -> None:
        self.path = path
        self._prefix = prefix

    def keys(self) -> list[str]:
        """Return the names of its tensors."""
        return list(self._tensors)

    def tensor(self, key: str) -> torch.Tensor:
        """Return one tensor."""
        return self._tensors[key]

    @functools.cached_property
    def _tensors(self) -> dict[str, torch.Tensor]:
        try:
            loaded = torch.load(self.path, map_location="cpu", mmap=True, weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            one_line = " ".join(str(error).split())
            raise CheckpointError(
                f"cannot read {str(self.path)!r}: {one_line:.300}; expected a file of plain "
                "tensors from torch.save (fetch it again if it was cut short)"
            ) from error
        if isinstance(loaded, dict) and isinstance(loaded.get("model"), dict):
            loaded = loaded["model"]
        if not isinstance(loaded, dict):
            raise CheckpointError(f"{str(self.path)!r} holds no state dictionary")
        return {f"{self._prefix}{name}": tensor for name, tensor in _flat(loaded)}


def _flat(tree: Mapping[str, object], parent: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in tree.items():
        path = f"{parent}{name}".removeprefix("module.")
        if isinstance(value, torch.Tensor):
            yield path, value
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{path}.")
