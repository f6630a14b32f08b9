# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""How a torch tensor becomes wire bytes and back. The only codec so far is `raw`."""

from __future__ import annotations

import torch

from roboecc_core.data_plane.frame import WireTensor

RAW = 0
CODEC_NAMES = {RAW: "raw"}
CODEC_IDS = {name: number for number, name in CODEC_NAMES.items()}

_TORCH_DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "int64": torch.int64,
    "int32": torch.int32,
    "uint8": torch.uint8,
    "int8": torch.int8,
    "bool": torch.bool,
}
_DTYPE_NAMES = {dtype: name for name, dtype in _TORCH_DTYPES.items()}


def dtype_name(dtype: torch.dtype) -> str:
    """Return the wire's name of a torch dtype."""
    return _DTYPE_NAMES[dtype]


def torch_dtype(name: str) -> torch.dtype:
    """Return the torch dtype of a wire name."""
    return _TORCH_DTYPES[name]


def to_wire(name: str, tensor: torch.Tensor) -> WireTensor:
    """Return the tensor's bytes, bit for bit; copies only off a device or out of a stride."""
    host = tensor.detach().contiguous().cpu()
    data = host.reshape(-1).view(torch.uint8).numpy().data
    return WireTensor(name, dtype_name(tensor.dtype), tuple(tensor.shape), data)


def from_wire(wire: WireTensor, device: torch.device) -> torch.Tensor:
    """Return a tensor with the wire's bytes on `device`.

    The bytes are copied once, because the transport may reuse or free its buffer.
    """
    flat = torch.empty(len(wire.data), dtype=torch.uint8)
    flat.numpy().data[:] = wire.data
    return flat.view(torch_dtype(wire.dtype)).reshape(wire.shape).to(device)
