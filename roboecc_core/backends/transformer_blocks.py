# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A transformer block as seven cuttable layers, for any pre-norm block of transformers.

norm1, qkv, attention, attention_out, norm2, mlp_up, mlp_down (the paper's fine grain).
The sub-modules are the library's own (Llama, SigLIP, DINOv2 with registers); only the
order in which they are called is written here, and tests hold the result bit for bit
against the library's own `forward`.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from roboecc_core.data_plane.segment import LayerContext
from roboecc_core.planning.structure import Attention as AttentionSpec

Tensors = tuple[torch.Tensor, ...]


class Norm(nn.Module):
    """A normalisation, as a layer of its own."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, _context: LayerContext, hidden: torch.Tensor) -> Tensors:
        """Map `(1, rows, width)` to the same shape."""
        return (self.norm(hidden),)


class Qkv(nn.Module):
    """The three projections in front of attention."""

    def __init__(self, q: nn.Module, k: nn.Module, v: nn.Module) -> None:
        super().__init__()
        self.q, self.k, self.v = q, k, v

    def forward(self, _context: LayerContext, normed: torch.Tensor) -> Tensors:
        """Map `(1, rows, width)` to queries, keys and values, each `(1, rows, heads * size)`."""
        return self.q(normed), self.k(normed), self.v(normed)


class FusedQkv(nn.Module):
    """The three projections as one map, whose result is cut in three."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)

    def forward(self, _context: LayerContext, normed: torch.Tensor) -> Tensors:
        """Map `(batch, rows, width)` to queries, keys and values of the same shape."""
        return tuple(part.contiguous() for part in self.qkv(normed).chunk(3, dim=-1))


class Rotary(nn.Module):
    """A library's rotary embedding for a run of positions, which all blocks of a pass share.

    Attributes:
        library: maps values of the right dtype and positions `(1, rows)` to cos and sin.
    """

    def __init__(self, library: nn.Module) -> None:
        super().__init__()
        self.library = library
        self._last: tuple[tuple[int, int, torch.dtype], Tensors] | None = None

    def forward(self, like: torch.Tensor, start: int, rows: int) -> Tensors:
        """Return cos and sin `(1, 1, rows, head_dim)` of positions from `start` on."""
        key = (start, rows, like.dtype)
        if self._last is None or self._last[0] != key:
            positions = torch.arange(start, start + rows, device=like.device)
            cos, sin = self.library(like, positions.unsqueeze(0))
            self._last = (key, (cos.unsqueeze(1), sin.unsqueeze(1)))
        return self._last[1]


class Attention(nn.Module):
    """Scaled dot-product attention; it has no weights but may own a KV cache.

    With `rotary`, keys and queries are turned by their position, which is the number of
    rows already in this layer's cache. So the cache needs no index and no re-basing when
    a side holds only some of the blocks.

    Args:
        spec: heads, mask and cache, as the chain declares them.
        rotary: positions; None = the tensors carry them already.
        scale: of the products; None = one over the root of the head's size.
    """

    def __init__(
        self, spec: AttentionSpec, *, rotary: Rotary | None = None, scale: float | None = None
    ) -> None:
        super().__init__()
        self.spec = spec
        self.rotary = rotary
        self.scale = spec.head_dim**-0.5 if scale is None else scale

    def forward(
        self, context: LayerContext, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor
    ) -> Tensors:
        """Return the context `(1, rows, heads * head_dim)`."""
        queries, keys, values = (self._heads(t) for t in (q, k, v))
        if self.rotary is not None:
            queries, keys = _turned(self.rotary, context, queries, keys)
        if self.spec.cache_width:
            keys, values = _with_past(context, keys, values)
        attended = functional.scaled_dot_product_attention(
            queries,
            keys,
            values,
            is_causal=self.spec.is_causal and queries.shape[2] > 1,
            scale=self.scale,
            enable_gqa=queries.shape[1] != keys.shape[1],
        )
        rows = attended.transpose(1, 2).contiguous()
        return (rows.reshape(*q.shape[:-1], -1),)

    def _heads(self, flat: torch.Tensor) -> torch.Tensor:
        return flat.view(*flat.shape[:-1], -1, self.spec.head_dim).transpose(1, 2)


def _turned(
    rotary: Rotary, context: LayerContext, queries: torch.Tensor, keys: torch.Tensor
) -> Tensors:
    """Turn queries and keys by their positions, which go on from this layer's cache."""
    start = context.cache["k"].shape[2] if "k" in context.cache else 0
    cos, sin = rotary(keys, start, queries.shape[2])
    return (
        queries * cos + _rotate_half(queries) * sin,
        keys * cos + _rotate_half(keys) * sin,
    )


def _with_past(context: LayerContext, keys: torch.Tensor, values: torch.Tensor) -> Tensors:
    """Put what came before in front of keys and values, and remember both."""
    if "k" in context.cache:
        keys = torch.cat((context.cache["k"], keys), dim=2)
        values = torch.cat((context.cache["v"], values), dim=2)
    context.cache["k"], context.cache["v"] = keys, values
    return keys, values


def _rotate_half(x: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


class AddProjected(nn.Module):
    """Project back to the stream's width, scale if the block does, add the residual."""

    def __init__(self, projection: nn.Module, scale: nn.Module | None = None) -> None:
        super().__init__()
        self.projection = projection
        self.scale = scale or nn.Identity()

    def forward(self, _context: LayerContext, x: torch.Tensor, residual: torch.Tensor) -> Tensors:
        """Map `(1, rows, any)` and the residual `(1, rows, width)` to the new residual."""
        return (residual + self.scale(self.projection(x)),)


class Expand(nn.Module):
    """The MLP's way up: `act(up(x))`, or `act(gate(x)) * up(x)` with a gate."""

    def __init__(self, up: nn.Module, activation: nn.Module, gate: nn.Module | None = None):
        super().__init__()
        self.up, self.activation, self.gate = up, activation, gate

    def forward(self, _context: LayerContext, normed: torch.Tensor) -> Tensors:
        """Map `(1, rows, width)` to `(1, rows, mlp_width)`."""
        if self.gate is None:
            return (self.activation(self.up(normed)),)
        return (self.activation(self.gate(normed)) * self.up(normed),)
