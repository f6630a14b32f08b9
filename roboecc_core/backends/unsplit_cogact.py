# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""CogACT run whole: the trunk by transformers, the action model as plain functions.

A yardstick like `unsplit`: shares no code with `dit_layers`. The sampler is written with
the schedule's betas, as the original is, instead of with what is left of the signal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import torch
from torch.nn import functional

from roboecc_core.backends.checkpoint import Source
from roboecc_core.backends.cogact import CogAct
from roboecc_core.backends.unsplit import Trace, UnsplitTrunk

_STEPS = 100


class UnsplitCogAct:
    """One pass through the language model, then the sampler around the action model."""

    def __init__(self, model: CogAct) -> None:
        self._trunk = UnsplitTrunk(model, has_head=False)
        self._head = model.structure.head
        self._scale = model.guidance_scale
        key = f"{model.action_key}."
        names = [name for name in model.checkpoint.keys() if name.startswith(key)]  # noqa: SIM118
        self._weights = {
            name.removeprefix(key): model.checkpoint.tensor(Source(name)).float() for name in names
        }
        self._unnormalise, _ = model.build_layer(model.chain.index_of("unnormalise"))

    @torch.inference_mode()
    def run(self, inputs: Mapping[str, torch.Tensor]) -> Trace:
        """Return the cognition, the sample behind each iteration and the actions."""
        output = self._trunk.language(inputs_embeds=self._trunk.embeds(inputs))
        features = output.last_hidden_state[:, -1:]
        samples, sample = [], inputs["sample"]
        for time, step in noise_schedule(self._head.iterations):
            sample = step(sample, self._guided(sample, time, features.float()))
            samples.append(sample)
        actions = self._unnormalise(None, sample)
        return {"features": [features], "sample": samples, "actions": actions}

    def _guided(self, sample: torch.Tensor, time: int, features: torch.Tensor) -> torch.Tensor:
        if self._head.guidance_batch == 1:
            return self._noise(sample, time, features)
        free = self._weights["z_embedder.uncondition"].unsqueeze(0)
        both = self._noise(torch.cat((sample, sample)), time, torch.cat((features, free)))
        return both[1:] + self._scale * (both[:1] - both[1:])

    def _noise(self, sample: torch.Tensor, time: int, condition: torch.Tensor) -> torch.Tensor:
        rows = waves(time).expand(len(sample), -1)
        inner = functional.silu(self._linear(rows, "t_embedder.mlp.0"))
        clock = self._linear(inner, "t_embedder.mlp.2")
        token = clock[:, None] + self._linear(condition, "z_embedder.linear")
        x = torch.cat((token, self._linear(sample, "x_embedder.linear")), dim=1)
        x = x + self._weights["positional_embedding"]
        for number in range(self._head.depth):
            x = x + self._attention(_normed(x), f"blocks.{number}.attn")
            up = self._linear(_normed(x), f"blocks.{number}.mlp.fc1")
            x = x + self._linear(
                functional.gelu(up, approximate="tanh"), f"blocks.{number}.mlp.fc2"
            )
        return self._linear(_normed(x), "final_layer.linear")[:, 1:]

    def _attention(self, x: torch.Tensor, name: str) -> torch.Tensor:
        batch, rows, width = x.shape
        qkv = self._linear(x, f"{name}.qkv").view(batch, rows, 3, self._head.num_heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self._linear(mixed.transpose(1, 2).reshape(batch, rows, width), f"{name}.proj")

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])


def _normed(x: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(x, x.shape[-1:], eps=1e-6)


def waves(time: int) -> torch.Tensor:
    """Return the features of a time step, `(1, 256)`."""
    frequencies = torch.exp(-math.log(10000.0) * torch.arange(128, dtype=torch.float32) / 128)
    angles = torch.full((1, 1), float(time)) * frequencies
    return torch.cat((angles.cos(), angles.sin()), dim=1)


Step = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def noise_schedule(iterations: int) -> Iterator[tuple[int, Step]]:
    """Yield each iteration's time step and its map of (sample, noise) to the next sample."""
    kept, stride = _kept(), _STEPS // iterations
    for number in reversed(range(iterations)):
        now, after = kept[number * stride], kept[(number - 1) * stride] if number else 1.0

        def step(
            sample: torch.Tensor, noise: torch.Tensor, now: float = now, after: float = after
        ) -> torch.Tensor:
            signal = math.sqrt(1.0 / now) * sample - math.sqrt(1.0 / now - 1.0) * noise
            direction = (math.sqrt(1.0 / now) * sample - signal) / math.sqrt(1.0 / now - 1.0)
            return math.sqrt(after) * signal + math.sqrt(1.0 - after) * direction

        yield number * stride, step


def _kept() -> list[float]:
    """What is left of the signal's variance at each of the training's steps."""

    def signal(time: float) -> float:
        return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

    kept, all_kept = 1.0, []
    for step in range(_STEPS):
        kept *= 1.0 - min(1.0 - signal((step + 1) / _STEPS) / signal(step / _STEPS), 0.999)
        all_kept.append(kept)
    return all_kept
