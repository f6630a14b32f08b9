# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Any chain with random weights: right shapes, right work, no skill; for measuring time.

A transformer block's seven layers are the ones that real models run. Every other layer runs
its declared matrix products on stand-in rows and returns tensors of the declared shapes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from roboecc_core.backends.transformer_blocks import (
    AddProjected,
    Attention,
    Expand,
    Norm,
    Qkv,
    Rotary,
    Tensors,
)
from roboecc_core.data_plane.codec import torch_dtype
from roboecc_core.data_plane.segment import LayerContext, Segment
from roboecc_core.planning.chain import Layer, LayerChain, Weight, bound_size

_MAX_POSITIONS = 4096


def synthetic_segment(chain: LayerChain, device: torch.device) -> Segment:
    """Return all layers of a chain with random weights on a device, ready to run."""
    operations = {i: synthetic_layer(chain, layer, device) for i, layer in enumerate(chain.layers)}
    held = sum(layer.weight_bytes for layer in chain.layers)
    return Segment(chain, operations, device=device, resident_bytes=held)


def synthetic_inputs(chain: LayerChain, device: torch.device) -> dict[str, torch.Tensor]:
    """Return random inputs of a step."""
    dims = chain.program[0].dims
    return {
        name: torch.zeros(
            chain.tensors[name].bound(dims),
            dtype=torch_dtype(chain.tensors[name].dtype),
            device=device,
        )
        for name in chain.inputs
    }


def synthetic_layer(chain: LayerChain, layer: Layer, device: torch.device) -> nn.Module:
    """Return one layer's operation with random weights."""
    with torch.device(device), torch.no_grad():
        build = _BLOCK_OPERATIONS.get(layer.name.rpartition(".")[2])
        is_block = build is not None and layer.name.count(".") > 1
        operation = build(layer) if build and is_block else _StandIn(chain, layer)
        for parameter in operation.parameters():
            fan_in = parameter.shape[-1] if parameter.ndim > 1 else 1
            parameter.normal_(0.0, fan_in**-0.5)
    return operation.eval()


def _linear(layer: Layer, name: str) -> nn.Linear:
    named = {weight.name: weight for weight in layer.weights}
    outputs, inputs = named[f"{name}.weight"].shape
    dtype = torch_dtype(named[f"{name}.weight"].dtype)
    return nn.Linear(inputs, outputs, bias=f"{name}.bias" in named, dtype=dtype)


class _PlainNorm(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, x.shape[-1:])


def _norm(layer: Layer) -> nn.Module:
    if not layer.weights:
        return Norm(_PlainNorm())
    (width,), dtype = layer.weights[0].shape, torch_dtype(layer.weights[0].dtype)
    has_bias = len(layer.weights) > 1
    kind = nn.LayerNorm(width, dtype=dtype) if has_bias else nn.RMSNorm(width, dtype=dtype)
    return Norm(kind)


def _attention(layer: Layer) -> nn.Module:
    shape = layer.attention
    assert shape is not None  # noqa: S101  every layer of this name is an attention
    if not shape.cache_width:
        return Attention(shape)
    config = LlamaConfig(
        hidden_size=shape.num_heads * shape.head_dim,
        num_attention_heads=shape.num_heads,
        max_position_embeddings=_MAX_POSITIONS,
    )
    return Attention(shape, rotary=Rotary(LlamaRotaryEmbedding(config)))


class _Scale(nn.Module):
    def __init__(self, width: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.empty(width, dtype=dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.lambda1


def _add(name: str) -> Callable[[Layer], nn.Module]:
    def build(layer: Layer) -> nn.Module:
        scale = next((w for w in layer.weights if w.name == "scale"), None)
        scaling = _Scale(scale.shape[0], torch_dtype(scale.dtype)) if scale else None
        return AddProjected(_linear(layer, name), scaling)

    return build


def _expand(layer: Layer) -> nn.Module:
    has_gate = any(weight.name.startswith("gate.") for weight in layer.weights)
    activation: nn.Module = nn.SiLU() if has_gate else nn.GELU()
    return Expand(_linear(layer, "up"), activation, _linear(layer, "gate") if has_gate else None)


_BLOCK_OPERATIONS: dict[str, Callable[[Layer], nn.Module]] = {
    "norm1": _norm,
    "norm2": _norm,
    "qkv": lambda layer: Qkv(*(_linear(layer, name) for name in "qkv")),
    "attention": _attention,
    "attention_out": _add("out"),
    "mlp_up": _expand,
    "mlp_down": _add("down"),
}


class _StandIn(nn.Module):
    """A layer's matrix products on rows of its own, and results of the declared shapes."""

    def __init__(self, chain: LayerChain, layer: Layer) -> None:
        super().__init__()
        self.chain, self.layer = chain, layer
        self._dims = {phase.name: phase.dims for phase in chain.program}
        self._products = [w for w in layer.weights if w.use == "product"]
        self.matrices = nn.ParameterList(
            torch.empty(w.shape[0], w.num_parameters // w.shape[0], dtype=torch_dtype(w.dtype))
            for w in self._products
        )
        self._kept: dict[tuple[str, str], torch.Tensor] = {}

    def forward(self, context: LayerContext, *_tensors: torch.Tensor) -> Tensors:
        """Do the work of the phase; the values mean nothing."""
        phase = context.phase
        io, dims = self.layer.io[phase], self._dims[phase]
        first = self.chain.tensors[io.writes[0]]
        rows = bound_size(first.shape[:-1], dims)
        for index, (weight, matrix) in enumerate(zip(self._products, self.matrices, strict=True)):
            count = self._rows(weight, rows, phase)
            if count:
                x = self._keep((phase, str(index)), (count, matrix.shape[1]), matrix)
                functional.gelu(functional.linear(x, matrix))
        return tuple(self._result(phase, name) for name in io.writes)

    def _rows(self, weight: Weight, rows: int, phase: str) -> int:
        return rows if weight.rows is None else bound_size(weight.rows, self._dims[phase])

    def _keep(
        self, key: tuple[str, str], shape: tuple[int, ...], like: torch.Tensor
    ) -> torch.Tensor:
        if key not in self._kept:
            self._kept[key] = torch.zeros(shape, dtype=like.dtype, device=like.device)
        return self._kept[key]

    def _result(self, phase: str, name: str) -> torch.Tensor:
        spec = self.chain.tensors[name]
        key = (phase, name)
        if key not in self._kept:
            device = self.matrices[0].device if len(self.matrices) else None
            shape = spec.bound(self._dims[phase])
            self._kept[key] = torch.zeros(shape, dtype=torch_dtype(spec.dtype), device=device)
        return self._kept[key]
