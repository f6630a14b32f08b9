# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The layers of OpenVLA that are not transformer blocks: projector, embedding, head, bins."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from roboecc_core.backends.transformer_blocks import Tensors
from roboecc_core.data_plane.segment import LayerContext
from roboecc_core.errors import CheckpointError, ConfigError
from roboecc_core.planning.openvla import VisionTower


class FuseAndProject(nn.Module):
    """Drop the towers' prefix tokens, join their features, project to the decoder's width."""

    def __init__(self, towers: Sequence[VisionTower], width: int) -> None:
        super().__init__()
        fused_width = sum(tower.width for tower in towers)
        self.num_prefix_tokens = tuple(tower.num_prefix_tokens for tower in towers)
        self.fc1 = nn.Linear(fused_width, 4 * fused_width)
        self.fc2 = nn.Linear(4 * fused_width, width)
        self.fc3 = nn.Linear(width, width)

    def forward(self, _context: LayerContext, *features: torch.Tensor) -> Tensors:
        """Map the towers' `(1, prefix + patches, w_i)` to `(1, patches, width)`."""
        patches = [f[:, skip:] for f, skip in zip(features, self.num_prefix_tokens, strict=True)]
        x = functional.gelu(self.fc1(torch.cat(patches, dim=2)))
        return (self.fc3(functional.gelu(self.fc2(x))),)


class EmbedPrompt(nn.Module):
    """Prefill: image patches after the first token, then the prompt. Decode: the last token."""

    def __init__(self, vocab_size: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(vocab_size, width)

    def forward(self, context: LayerContext, *tensors: torch.Tensor) -> Tensors:
        """Return the decoder's input, `(1, patches + prompt, width)` or `(1, 1, width)`."""
        if context.phase == "decode":
            (tokens,) = tensors
            return (self.table(tokens[context.iteration].reshape(1, 1)),)
        projected, prompt_ids = tensors
        text = self.table(prompt_ids)
        return (torch.cat((text[:, :1], projected, text[:, 1:]), dim=1),)


class NextToken(nn.Module):
    """The language model's head on the last row, and the greedy choice."""

    def __init__(self, width: int, vocab_size: int, num_tokens: int) -> None:
        super().__init__()
        self.num_tokens = num_tokens
        self.head = nn.Linear(width, vocab_size, bias=False)

    def forward(
        self, context: LayerContext, normed: torch.Tensor, tokens: torch.Tensor | None = None
    ) -> Tensors:
        """Return logits `(1, vocab)` and the tokens so far `(num_tokens,)`, -1 where none yet."""
        logits = self.head(normed[:, -1:, :])[:, 0]
        if tokens is None:
            position = 0
            chosen = torch.full((self.num_tokens,), -1, dtype=torch.int64, device=normed.device)
        else:
            position = context.iteration + 1
            chosen = tokens.clone()
        chosen[position] = logits[0].argmax()
        return logits, chosen


@dataclasses.dataclass(frozen=True, slots=True)
class ActionStatistics:
    """How a checkpoint's bins become physical units.

    Attributes:
        num_bins: edges of the bins over [-1, 1]; there is one centre fewer.
        low, high: q01 and q99 of each dimension, `(7,)`.
        mask: False where the normalised value is already the physical one (the gripper).
    """

    num_bins: int
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    mask: npt.NDArray[np.bool_]

    @classmethod
    def from_config(cls, config: Mapping[str, Any], unnorm_key: str) -> ActionStatistics:
        """Read `norm_stats[unnorm_key]`; a lone set needs no key.

        Raises:
            ConfigError: the key is unknown; lists the known ones.
            CheckpointError: the statistics lack a field.
        """
        known = config.get("norm_stats") or {}
        if not unnorm_key and len(known) == 1:
            (unnorm_key,) = known
        if unnorm_key not in known:
            raise ConfigError(
                f"unnorm_key is {unnorm_key!r}; this checkpoint knows {sorted(known)}"
            )
        try:
            action = known[unnorm_key]["action"]
            low, high = (np.asarray(action[q], np.float64) for q in ("q01", "q99"))
            mask = np.asarray(action.get("mask", [True] * len(low)), np.bool_)
            return cls(int(config.get("n_action_bins", 256)), low, high, mask)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"norm_stats[{unnorm_key!r}] is damaged: {error!r}") from error

    def physical(self, bins: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Map bin indices `(7,)`, clipped to the known ones, to actions `(7,)`."""
        edges = np.linspace(-1.0, 1.0, self.num_bins)
        centres = (edges[:-1] + edges[1:]) / 2.0
        normalised = centres[np.clip(bins, 0, len(centres) - 1)]
        physical = 0.5 * (normalised + 1) * (self.high - self.low) + self.low
        return np.where(self.mask, physical, normalised)


class DetokenizeActions(nn.Module):
    """Token ids to physical units: the vocabulary ends with the bins, in falling order."""

    def __init__(self, end_of_bins: int, statistics: ActionStatistics) -> None:
        super().__init__()
        self.end_of_bins = end_of_bins
        self.statistics = statistics

    def forward(self, _context: LayerContext, tokens: torch.Tensor) -> Tensors:
        """Map `(7,)` token ids to `(1, 7)` float64 actions."""
        actions = self.statistics.physical(self.end_of_bins - tokens.cpu().numpy() - 1)
        return (torch.from_numpy(actions).unsqueeze(0).to(tokens.device),)
