# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""From a network's normalised numbers to actions in physical units."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from roboecc_core.backends.transformer_blocks import Tensors
from roboecc_core.data_plane.segment import LayerContext
from roboecc_core.errors import CheckpointError, ConfigError

_STATE_MARGIN = 1e-8  # keeps a state that never moves finite
GRIPPER = 6  # place of the gripper in an action
Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class ActionStatistics:
    """How a checkpoint's normalised values become physical units.

    Attributes:
        num_bins: edges of the bins over [-1, 1]; there is one centre fewer.
        low, high: q01 and q99 of each dimension, `(7,)`.
        mask: False where the normalised value is already the physical one (the gripper).
        state_low, state_high: q01 and q99 of the robot's state, where the set has them.
    """

    num_bins: int
    low: Floats
    high: Floats
    mask: npt.NDArray[np.bool_]
    state_low: Floats | None = None
    state_high: Floats | None = None

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
            state = known[unnorm_key].get("proprio") or {}
            bounds = [np.asarray(state[q], np.float64) for q in ("q01", "q99") if q in state]
            return cls(int(config.get("n_action_bins", 256)), low, high, mask, *bounds)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"norm_stats[{unnorm_key!r}] is damaged: {error!r}") from error

    def of_bins(self, bins: npt.NDArray[np.int64]) -> Floats:
        """Map bin indices `(..., 7)`, clipped to the known ones, to actions of that shape."""
        edges = np.linspace(-1.0, 1.0, self.num_bins)
        centres = (edges[:-1] + edges[1:]) / 2.0
        return self.physical(centres[np.clip(bins, 0, len(centres) - 1)])

    def physical(self, normalised: Floats, *, margin: float = 0.0) -> Floats:
        """Map values in [-1, 1] `(..., 7)` to physical units; `margin` widens the range."""
        physical = 0.5 * (normalised + 1) * (self.high - self.low + margin) + self.low
        return np.where(self.mask, physical, normalised)

    def normalised_state(self, state: Sequence[float]) -> torch.Tensor:
        """Return the robot's state in [-1, 1], `(1, n)` float32, as OpenVLA-OFT scales it.

        Raises:
            ConfigError: the statistics have no state, or one of another length.
        """
        if self.state_low is None or self.state_high is None:
            raise ConfigError("this checkpoint's statistics hold no 'proprio' to scale a state")
        if len(state) != len(self.state_low):
            raise ConfigError(
                f"the state has {len(state)} numbers, the model takes {len(self.state_low)}"
            )
        spread = self.state_high - self.state_low + _STATE_MARGIN
        scaled = 2.0 * (np.asarray(state, np.float64) - self.state_low) / spread - 1.0
        return torch.from_numpy(np.clip(scaled, -1.0, 1.0)).float().unsqueeze(0)


class DetokenizeActions(nn.Module):
    """Token ids to physical units: the vocabulary ends with the bins, in falling order."""

    def __init__(self, end_of_bins: int, statistics: ActionStatistics) -> None:
        super().__init__()
        self.end_of_bins = end_of_bins
        self.statistics = statistics

    def forward(self, _context: LayerContext, tokens: torch.Tensor) -> Tensors:
        """Map `(7,)` token ids to `(1, 7)` float64 actions."""
        actions = self.statistics.of_bins(self.end_of_bins - tokens.cpu().numpy() - 1)
        return (torch.from_numpy(actions).unsqueeze(0).to(tokens.device),)


class UnnormaliseActions(nn.Module):
    """A chunk of normalised values to physical units.

    Args:
        statistics: of the data set.
        action_dim: numbers an action has.
        margin: added to the range (OpenVLA-OFT's 1e-8).
        rounds_gripper: clip to [-1, 1] first and let the gripper be 0 or 1 (CogACT).
    """

    def __init__(
        self,
        statistics: ActionStatistics,
        *,
        action_dim: int,
        margin: float = 0.0,
        rounds_gripper: bool = False,
    ) -> None:
        super().__init__()
        self.statistics = statistics
        self.action_dim = action_dim
        self.margin = margin
        self.rounds_gripper = rounds_gripper

    def forward(self, _context: LayerContext, chunk: torch.Tensor) -> Tensors:
        """Map any shape that holds `horizon` actions to `(horizon, action_dim)` float64."""
        actions = self.statistics.physical(self.settled(chunk), margin=self.margin)
        return (torch.from_numpy(actions).to(chunk.device),)

    def settled(self, chunk: torch.Tensor) -> Floats:
        """Return the normalised actions as they are scaled, `(horizon, action_dim)`."""
        values = chunk.reshape(-1, self.action_dim).double().cpu().numpy()
        if self.rounds_gripper:
            values = np.clip(values, -1.0, 1.0)
            values[:, GRIPPER] = values[:, GRIPPER] >= 0.5  # noqa: PLR2004  half open
        return values
