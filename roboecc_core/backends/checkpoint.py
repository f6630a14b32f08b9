# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint folder: its config, its tensors one at a time, and its manifest.

Tensors are memory-mapped, so a host reads only the bytes of the layers that it holds and
needs only the shards that they lie in. The manifest carries a digest a layer; its hash is
the model id that both hosts compare before they work together.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import xxhash
from torch import nn

from roboecc_core.backends.checkpoint_files import SafetensorsFile, TensorFile, TorchFile
from roboecc_core.errors import CheckpointError
from roboecc_core.planning.structure import LayerChain

MANIFEST_NAME = "roboecc_manifest.json"
_MANIFEST_FORMAT = 1
_INDEX_NAME = "model.safetensors.index.json"
_SINGLE_NAME = "model.safetensors"
_STATISTICS_NAME = "dataset_statistics.json"
_WEIGHT_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
# Numbers looked at together for NaN: what a check takes beside the weights stays small.
_CHECKED_AT_ONCE = 1 << 18


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """Where a parameter lies: a key, or one of `of` equal row chunks of it."""

    key: str
    part: int = 0
    of: int = 1


class CheckpointFolder:
    """Read access to a folder's config and tensors, in any of the public layouts.

    * `model.safetensors`, or shards with `model.safetensors.index.json`;
    * one `checkpoints/*.pt` (CogACT);
    * beside either, `<part>--<anything>.pt` (OpenVLA-OFT), whose keys get `<part>.` in front.

    `config` is config.json, with dataset_statistics.json as its `norm_stats` where there is
    such a file.

    Raises:
        CheckpointError: the folder or a file in it is missing or damaged; names the file.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise CheckpointError(
                f"checkpoint folder {str(folder)!r} does not exist; expected a folder with "
                "config.json and model.safetensors, or the name of a built-in model ('nano')"
            )
        self.folder = folder
        self.config = read_json(folder / "config.json")
        if (folder / _STATISTICS_NAME).exists():
            self.config["norm_stats"] = read_json(folder / _STATISTICS_NAME)
        self._file_of_key = self._index()

    def keys(self) -> list[str]:
        """Return the names of all tensors."""
        return list(self._file_of_key)

    def tensor(self, source: Source) -> torch.Tensor:
        """Return one tensor in the file's dtype, sharing the mapped file where it can.

        Raises:
            CheckpointError: the key or its shard is missing, or the file is damaged.
        """
        file = self._file_of_key.get(source.key)
        if file is None:
            files = sorted({file.path.name for file in self._file_of_key.values()})
            raise CheckpointError(
                f"checkpoint {str(self.folder)!r} ({', '.join(files)}) has no tensor "
                f"{source.key!r}; it is another model's, or incomplete"
            )
        tensor = file.tensor(source.key)
        return tensor.chunk(source.of, dim=0)[source.part] if source.of > 1 else tensor

    def _index(self) -> dict[str, TensorFile]:
        parts = {
            key: file
            for path in sorted(self.folder.glob("*--*.pt"))
            for file in (TorchFile(path, prefix=f"{path.name.partition('--')[0]}."),)
            for key in file.keys()  # noqa: SIM118  a file, not a dict
        }
        return self._whole() | parts

    def _whole(self) -> dict[str, TensorFile]:
        index = self.folder / _INDEX_NAME
        if index.exists():
            weight_map = read_json(index).get("weight_map")
            if not isinstance(weight_map, dict):
                raise CheckpointError(f"{str(index)!r} has no 'weight_map'; fetch it again")
            shards = {n: SafetensorsFile(self.folder / str(n)) for n in set(weight_map.values())}
            return {key: shards[name] for key, name in weight_map.items()}
        torch_files = sorted((self.folder / "checkpoints").glob("*.pt"))
        if len(torch_files) > 1:
            raise CheckpointError(
                f"{str(self.folder / 'checkpoints')!r} holds {[f.name for f in torch_files]}; "
                "leave one of them there"
            )
        single = self.folder / _SINGLE_NAME
        file: TensorFile = TorchFile(torch_files[0]) if torch_files else SafetensorsFile(single)
        return dict.fromkeys(file.keys(), file)


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object from a file.

    Raises:
        CheckpointError: the file is missing, no JSON, or not an object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {str(path)!r}: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{str(path)!r} holds a {type(value).__name__}, expected an object")
    return value


def load_parameters(
    module: nn.Module, sources: Mapping[str, Source], folder: CheckpointFolder
) -> nn.Module:
    """Give a module built on the meta device its parameters, in the file's dtype.

    Raises:
        CheckpointError: a tensor is missing, damaged, of another shape or dtype, or not finite.
    """
    expected = dict(module.named_parameters())
    values = {}
    for name, source in sources.items():
        value = folder.tensor(source)
        if value.shape != expected[name].shape:
            raise CheckpointError(
                f"tensor {source.key!r} in {str(folder.folder)!r} has shape "
                f"{tuple(value.shape)}, config.json implies {tuple(expected[name].shape)}"
            )
        if value.dtype not in _WEIGHT_DTYPES:
            raise CheckpointError(
                f"tensor {source.key!r} in {str(folder.folder)!r} is {value.dtype}, expected one "
                f"of {', '.join(map(str, _WEIGHT_DTYPES))}"
            )
        if not _is_finite(value):
            raise CheckpointError(
                f"tensor {source.key!r} in {str(folder.folder)!r} holds NaN or infinity; "
                "the checkpoint is damaged"
            )
        values[name] = nn.Parameter(value, requires_grad=False)
    module.load_state_dict(values, assign=True)
    return module


def _is_finite(value: torch.Tensor) -> bool:
    parts = torch.split(value.reshape(-1), _CHECKED_AT_ONCE)
    return all(bool(torch.isfinite(part).all()) for part in parts)


def layer_digest(module: nn.Module) -> str:
    """Return a 128-bit digest of a layer's parameters as they lie in the checkpoint."""
    digest = xxhash.xxh3_128()
    for name, value in sorted(module.named_parameters()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """The digest of every layer, in chain order, and of everything else that shapes results."""

    model_id: str
    layer_names: tuple[str, ...]
    layer_digests: tuple[str, ...]

    @classmethod
    def build(cls, chain: LayerChain, config: Mapping[str, Any], digests: list[str]) -> Manifest:
        """Hash layer list, config (with its normalisation statistics) and layer digests."""
        names = tuple(layer.name for layer in chain.layers)
        whole = json.dumps([names, config, digests], sort_keys=True, separators=(",", ":"))
        model_id = hashlib.sha256(whole.encode()).hexdigest()[:32]
        return cls(model_id, names, tuple(digests))

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read a manifest.

        Raises:
            CheckpointError: it is missing, damaged or of another format.
        """
        value = read_json(path)
        try:
            if value["format"] != _MANIFEST_FORMAT:
                raise CheckpointError(
                    f"{str(path)!r} has format {value['format']}, expected {_MANIFEST_FORMAT}; "
                    "write it again with 'roboecc models digest'"
                )
            layers = value["layers"]
            return cls(
                str(value["model_id"]),
                tuple(str(layer["name"]) for layer in layers),
                tuple(str(layer["digest"]) for layer in layers),
            )
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"{str(path)!r} is no manifest ({error!r}); write it again with "
                "'roboecc models digest'"
            ) from error

    def save(self, path: Path) -> None:
        """Write the manifest beside the checkpoint."""
        layers = [
            {"name": name, "digest": digest}
            for name, digest in zip(self.layer_names, self.layer_digests, strict=True)
        ]
        body = {"format": _MANIFEST_FORMAT, "model_id": self.model_id, "layers": layers}
        path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
