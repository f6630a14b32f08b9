# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Continuous action heads as layers: residual MLP, LSTM and a denoising MLP.

The residual MLP is OpenVLA-OFT's and VOTE's MLPResNet under their own tensor names; the
other two are the paper's remaining kinds of S_dec, under names of ours.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from roboecc_core.backends.checkpoint import Source
from roboecc_core.backends.dit_layers import DdimSchedule, time_features
from roboecc_core.backends.transformer_blocks import Tensors
from roboecc_core.backends.vision_towers import Built
from roboecc_core.data_plane.segment import LayerContext
from roboecc_core.errors import ConfigError
from roboecc_core.planning.chain import Layer, LayerChain
from roboecc_core.planning.description import Diffusion, Head, Lstm, Mlp

KEY = "action_head"


class MlpIn(nn.Module):
    """Fold the features into the head's rows, norm, map to its width."""

    def __init__(self, rows: int, features: int, width: int) -> None:
        super().__init__()
        self.rows = rows
        self.norm = nn.LayerNorm(features)
        self.fc = nn.Linear(features, width)

    def forward(self, _context: LayerContext, features: torch.Tensor) -> Tensors:
        """Map `(1, features, width)` to `(rows, width)`."""
        return (functional.relu(self.fc(self.norm(features.reshape(self.rows, -1)))),)


class MlpBlock(nn.Module):
    """One residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, width)

    def forward(self, _context: LayerContext, hidden: torch.Tensor) -> Tensors:
        """Map `(rows, width)` to the same shape."""
        return (functional.relu(self.fc(self.norm(hidden))) + hidden,)


class MlpOut(nn.Module):
    """Norm and the way out."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, outputs)

    def forward(self, _context: LayerContext, hidden: torch.Tensor) -> Tensors:
        """Map `(rows, width)` to `(rows, outputs)`."""
        return (self.fc(self.norm(hidden)),)


class LstmCell(nn.Module):
    """One cell; its state is a tensor of the chain, so it may cross between two actions."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.input = nn.Linear(inputs, 4 * width)
        self.state = nn.Linear(width, 4 * width)

    def forward(self, _context: LayerContext, below: torch.Tensor, state: torch.Tensor) -> Tensors:
        """Take the features `(1, 1, width)` or the state below; return `(2, width)`, h and c."""
        x = below.reshape(-1, self.input.in_features)[:1]
        h, c = state[:1], state[1:]
        gates = self.input(x) + self.state(h)
        enter, forget, candidate, leave = gates.chunk(4, dim=1)
        c = torch.sigmoid(forget) * c + torch.sigmoid(enter) * torch.tanh(candidate)
        return (torch.cat((torch.sigmoid(leave) * torch.tanh(c), c)),)


class LstmOut(nn.Module):
    """One action from the topmost cell, put into its row of the chunk."""

    def __init__(self, width: int, action_dim: int) -> None:
        super().__init__()
        self.fc = nn.Linear(width, action_dim)

    def forward(self, context: LayerContext, state: torch.Tensor, chunk: torch.Tensor) -> Tensors:
        """Map `(2, width)` and the chunk so far `(horizon, dim)` to the chunk."""
        chunk = chunk.clone()
        chunk[context.iteration] = self.fc(state[:1])[0]
        return (chunk,)


class DenoiserIn(nn.Module):
    """The noisy chunk, the condition and the time, added up."""

    def __init__(self, head: Diffusion, feature_width: int, schedule: DdimSchedule) -> None:
        super().__init__()
        self.timesteps = schedule.timesteps
        self.sample = nn.Linear(head.horizon * head.action_dim, head.width)
        self.condition = nn.Linear(feature_width, head.width)
        self.time = nn.Linear(256, head.width)

    def forward(
        self, context: LayerContext, features: torch.Tensor, sample: torch.Tensor
    ) -> Tensors:
        """Map `(1, 1, feature_width)` and `(1, horizon, dim)` to `(1, width)`."""
        waves = time_features(self.timesteps[context.iteration], sample.device)
        dtype = self.sample.weight.dtype
        condition = self.condition(features[:, -1].to(dtype))
        hidden = self.sample(sample.flatten(1)) + condition + self.time(waves.to(dtype))
        return (hidden,)


class DenoiserBlock(nn.Module):
    """One residual block, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, _context: LayerContext, hidden: torch.Tensor) -> Tensors:
        """Map `(1, width)` to the same shape."""
        return (hidden + self.down(functional.gelu(self.up(self.norm(hidden)))),)


class DenoiserOut(nn.Module):
    """The predicted noise, and one step of the sampler with it."""

    def __init__(self, head: Diffusion, schedule: DdimSchedule) -> None:
        super().__init__()
        self.schedule = schedule
        self.out = nn.Linear(head.width, head.horizon * head.action_dim)

    def forward(
        self, context: LayerContext, hidden: torch.Tensor, sample: torch.Tensor
    ) -> Tensors:
        """Map `(1, width)` and the sample to the next sample."""
        noise = self.out(hidden).view_as(sample)
        return (self.schedule.denoise(sample, noise, context.iteration),)


def build_head_layer(head: Head, chain: LayerChain, layer: Layer) -> Built:
    """Return a layer's operation on the meta device and where its parameters lie.

    Raises:
        ConfigError: the head is of a kind that has a file of its own.
    """
    _, _, part = layer.name.partition(".")
    with torch.device("meta"):
        if isinstance(head, Mlp):
            return _mlp(head, chain, part)
        if isinstance(head, Lstm):
            return _lstm(head, chain, part)
        if isinstance(head, Diffusion):
            return _denoiser(head, chain, part)
    raise ConfigError(f"a head of kind {type(head).__name__} cannot stand on a trunk by itself")


def _feature_width(chain: LayerChain) -> int:
    return int(chain.tensors["features"].shape[-1])


def _mlp(head: Mlp, chain: LayerChain, part: str) -> Built:
    key = f"{KEY}.model"
    if part == "in":
        features = head.feature_rows * head.passes // head.rows * _feature_width(chain)
        return MlpIn(head.rows, features, head.width), {
            **_linear("norm", f"{key}.layer_norm1"),
            **_linear("fc", f"{key}.fc1"),
        }
    if part == "out":
        return MlpOut(head.width, head.horizon * head.action_dim // head.rows), {
            **_linear("norm", f"{key}.layer_norm2"),
            **_linear("fc", f"{key}.fc2"),
        }
    block = f"{key}.mlp_resnet_blocks.{part}.ffn"
    return MlpBlock(head.width), {**_linear("norm", f"{block}.0"), **_linear("fc", f"{block}.1")}


def _lstm(head: Lstm, chain: LayerChain, part: str) -> Built:
    if part == "out":
        return LstmOut(head.width, head.action_dim), _linear("fc", f"{KEY}.fc")
    inputs = head.width if int(part) else _feature_width(chain)
    key = f"{KEY}.cells.{part}"
    return LstmCell(inputs, head.width), {
        **_linear("input", f"{key}.input"),
        **_linear("state", f"{key}.state"),
    }


def _denoiser(head: Diffusion, chain: LayerChain, part: str) -> Built:
    schedule = DdimSchedule.evenly_spaced(head.iterations)
    if part == "in":
        sources: dict[str, Source] = {}
        for name in ("sample", "condition", "time"):
            sources |= _linear(name, f"{KEY}.{name}")
        return DenoiserIn(head, _feature_width(chain), schedule), sources
    if part == "out":
        return DenoiserOut(head, schedule), _linear("out", f"{KEY}.out")
    key = f"{KEY}.blocks.{part}"
    return DenoiserBlock(head.width), {
        **_linear("norm", f"{key}.norm"),
        **_linear("up", f"{key}.up"),
        **_linear("down", f"{key}.down"),
    }


def _linear(name: str, key: str) -> dict[str, Source]:
    return {f"{name}.{kind}": Source(f"{key}.{kind}") for kind in ("weight", "bias")}
