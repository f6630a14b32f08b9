# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""CogACT's action model as layers: a diffusion transformer and its DDIM sampler.

One condition token in front of the noisy chunk, plain pre-norm blocks whose norms have no
weights. With classifier-free guidance two sequences run side by side, the conditioned one
first. The tensor `sample` goes in as noise and comes out of each iteration less noisy.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from roboecc_core.backends.checkpoint import Source
from roboecc_core.backends.transformer_blocks import (
    AddProjected,
    Attention,
    Expand,
    FusedQkv,
    Norm,
    Tensors,
)
from roboecc_core.backends.vision_towers import Built
from roboecc_core.data_plane.segment import LayerContext
from roboecc_core.errors import ConfigError
from roboecc_core.planning.description import Dit
from roboecc_core.planning.structure import Layer

TRAINING_STEPS = 100  # of CogACT's squared-cosine noise schedule
NORM_EPS = 1e-6
_TIME_FEATURES = 256
_MAX_PERIOD = 10_000.0
_MAX_BETA = 0.999


@dataclasses.dataclass(frozen=True, slots=True)
class DdimSchedule:
    """Which of the training's noise levels a sampler visits, noisiest first.

    Attributes:
        timesteps: of the training's schedule, one an iteration.
        kept: share of the signal's variance left at each (alpha bar).
        kept_after: the same behind each iteration; 1 behind the last.
    """

    timesteps: tuple[int, ...]
    kept: tuple[float, ...]
    kept_after: tuple[float, ...]

    @classmethod
    def evenly_spaced(cls, num_steps: int) -> DdimSchedule:
        """Spread `num_steps` over the training's steps, beginning at 0.

        Raises:
            ConfigError: no whole stride gives that many.
        """
        strides = [s for s in range(1, TRAINING_STEPS + 1) if -(-TRAINING_STEPS // s) == num_steps]
        if not strides:
            raise ConfigError(
                f"{num_steps} DDIM steps do not divide the schedule of {TRAINING_STEPS}; "
                "expected for instance 5, 10, 20 or 50"
            )
        angles = (np.arange(TRAINING_STEPS + 1) / TRAINING_STEPS + 0.008) / 1.008 * math.pi / 2
        signal = np.cos(angles) ** 2
        betas = np.minimum(1.0 - signal[1:] / signal[:-1], _MAX_BETA)
        kept = np.cumprod(1.0 - betas)[:: strides[0]]
        after = np.concatenate(([1.0], kept[:-1]))
        steps = range(0, TRAINING_STEPS, strides[0])
        return cls(tuple(steps[::-1]), tuple(kept[::-1].tolist()), tuple(after[::-1].tolist()))

    def denoise(self, sample: torch.Tensor, noise: torch.Tensor, iteration: int) -> torch.Tensor:
        """Take one deterministic DDIM step from the predicted noise, without clipping."""
        kept, after = self.kept[iteration], self.kept_after[iteration]
        signal = math.sqrt(1.0 / kept) * sample - math.sqrt(1.0 / kept - 1.0) * noise
        direction = (math.sqrt(1.0 / kept) * sample - signal) / math.sqrt(1.0 / kept - 1.0)
        return math.sqrt(after) * signal + math.sqrt(1.0 - after) * direction


class DitEmbed(nn.Module):
    """The condition token (time and cognition) and the noisy chunk, with positions."""

    def __init__(self, head: Dit, feature_width: int, schedule: DdimSchedule) -> None:
        super().__init__()
        self.timesteps = schedule.timesteps
        self.batch = head.guidance_batch
        self.sample = nn.Linear(head.action_dim, head.width)
        self.time = nn.Sequential(
            nn.Linear(_TIME_FEATURES, head.width), nn.SiLU(), nn.Linear(head.width, head.width)
        )
        self.condition = nn.Linear(feature_width, head.width)
        self.uncondition = nn.Parameter(torch.empty(1, feature_width))
        self.positions = nn.Parameter(torch.empty(head.horizon + 1, head.width))

    def forward(
        self, context: LayerContext, features: torch.Tensor, sample: torch.Tensor
    ) -> Tensors:
        """Map `(1, 1, feature_width)` and `(1, horizon, 7)` to `(batch, 1 + horizon, width)`."""
        condition = features.to(self.uncondition.dtype)
        if self.batch > 1:
            condition = torch.cat((condition, self.uncondition.unsqueeze(0)))
        waves = time_features(self.timesteps[context.iteration], sample.device)
        time = self.time(waves.to(self.uncondition.dtype).expand(self.batch, -1))
        token = time.unsqueeze(1) + self.condition(condition)
        chunk = self.sample(sample.expand(self.batch, -1, -1))
        return (torch.cat((token, chunk), dim=1) + self.positions,)


def time_features(timestep: int, device: torch.device) -> torch.Tensor:
    """Return the sinusoidal features of a time step, `(1, 256)`."""
    half = _TIME_FEATURES // 2
    exponents = torch.arange(half, dtype=torch.float32, device=device) / half
    angles = timestep * torch.exp(-math.log(_MAX_PERIOD) * exponents)
    return torch.cat((torch.cos(angles), torch.sin(angles))).unsqueeze(0)


class DitFinal(nn.Module):
    """From the last block to the predicted noise, and one step of the sampler with it."""

    def __init__(self, head: Dit, schedule: DdimSchedule, guidance_scale: float) -> None:
        super().__init__()
        self.schedule = schedule
        self.guidance_scale = guidance_scale
        self.norm = nn.LayerNorm(head.width, eps=NORM_EPS, elementwise_affine=False)
        self.out = nn.Linear(head.width, head.action_dim)

    def forward(
        self, context: LayerContext, hidden: torch.Tensor, sample: torch.Tensor
    ) -> Tensors:
        """Map `(batch, 1 + horizon, width)` and the sample to the next sample."""
        noise = self.noise(hidden)
        if len(noise) > 1:
            conditioned, free = noise.chunk(2)
            noise = free + self.guidance_scale * (conditioned - free)
        return (self.schedule.denoise(sample, noise, context.iteration),)

    def noise(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the noise that each sequence predicts, `(batch, horizon, 7)`."""
        predicted: torch.Tensor = self.out(self.norm(hidden))[:, 1:]
        return predicted


def build_dit_layer(head: Dit, layer: Layer, key: str, feature_width: int, scale: float) -> Built:
    """Return a layer's operation on the meta device and where its parameters lie under `key`."""
    _, _, rest = layer.name.partition(".")
    if layer.attention is not None:
        return Attention(layer.attention), {}
    schedule = DdimSchedule.evenly_spaced(head.iterations)
    with torch.device("meta"):
        match rest:
            case "embed":
                return DitEmbed(head, feature_width, schedule), _embed_sources(key)
            case "final":
                final = DitFinal(head, schedule, scale)
                return final, _linear("out", f"{key}.final_layer.linear")
        number, _, operation = rest.partition(".")
        return _block_layer(head, f"{key}.blocks.{number}", operation)


def _block_layer(head: Dit, key: str, operation: str) -> Built:
    width = head.width
    match operation:
        case "norm1" | "norm2":
            return Norm(nn.LayerNorm(width, eps=NORM_EPS, elementwise_affine=False)), {}
        case "qkv":
            return FusedQkv(width), _linear("qkv", f"{key}.attn.qkv")
        case "attention_out":
            return AddProjected(nn.Linear(width, width)), _linear("projection", f"{key}.attn.proj")
        case "mlp_up":
            up = nn.Linear(width, head.mlp_width)
            return Expand(up, nn.GELU(approximate="tanh")), _linear("up", f"{key}.mlp.fc1")
    down = nn.Linear(head.mlp_width, width)
    return AddProjected(down), _linear("projection", f"{key}.mlp.fc2")


def _embed_sources(key: str) -> Mapping[str, Source]:
    return {
        **_linear("sample", f"{key}.x_embedder.linear"),
        **_linear("time.0", f"{key}.t_embedder.mlp.0"),
        **_linear("time.2", f"{key}.t_embedder.mlp.2"),
        **_linear("condition", f"{key}.z_embedder.linear"),
        "uncondition": Source(f"{key}.z_embedder.uncondition"),
        "positions": Source(f"{key}.positional_embedding"),
    }


def _linear(name: str, key: str) -> dict[str, Source]:
    return {f"{name}.{kind}": Source(f"{key}.{kind}") for kind in ("weight", "bias")}
