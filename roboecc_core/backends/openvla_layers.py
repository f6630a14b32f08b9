# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The layers of OpenVLA's kin that are not transformer blocks: projector, embedding, head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from roboecc_core.backends.transformer_blocks import Tensors
from roboecc_core.data_plane.segment import LayerContext
from roboecc_core.planning.openvla import VisionTower

_STOP_TOKEN = 2


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
        patches = projected.reshape(1, -1, projected.shape[-1])  # of all images, in order
        return (torch.cat((text[:, :1], patches, text[:, 1:]), dim=1),)


class EmbedSlots(nn.Module):
    """The decoder's input under a continuous head.

    Prefill: the first token, image patches, the robot's state, the prompt, then, with slots,
    empty positions and a stop token (OpenVLA-OFT). Decode: the <ACT> token (VOTE).
    """

    def __init__(self, vocab_size: int, width: int, *, slots: int, act_token: int) -> None:
        super().__init__()
        self.slots = slots
        self.act_token = act_token
        self.table = nn.Embedding(vocab_size, width)

    def forward(self, context: LayerContext, *tensors: torch.Tensor) -> Tensors:
        """Return `(1, rows, width)`; reads `projected`, `prompt_ids` and maybe the state."""
        if context.phase == "decode":
            return (self.table.weight[self.act_token].reshape(1, 1, -1),)
        projected, prompt_ids, *state = tensors
        text = self.table(prompt_ids)
        patches = projected.reshape(1, -1, projected.shape[-1])
        parts = [text[:, :1], patches, *(s.unsqueeze(1) for s in state), text[:, 1:]]
        if self.slots:
            stop = self.table.weight[_STOP_TOKEN].reshape(1, 1, -1)
            parts += [text.new_zeros(1, self.slots, text.shape[-1]), stop]
        return (torch.cat(parts, dim=1),)


class StateToken(nn.Module):
    """The robot's own state as one token of the decoder."""

    def __init__(self, state_dim: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(state_dim, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, _context: LayerContext, state: torch.Tensor) -> Tensors:
        """Map `(1, state_dim)` to `(1, width)`."""
        return (self.fc2(functional.gelu(self.fc1(state.to(self.fc1.weight.dtype)))),)


class LastRows(nn.Module):
    """The final norm on the last rows of a pass; a later pass appends its rows."""

    def __init__(self, norm: nn.Module, num_rows: int, *, behind: int = 0) -> None:
        super().__init__()
        self.norm = norm
        self.num_rows = num_rows
        self.behind = behind

    def forward(
        self, _context: LayerContext, hidden: torch.Tensor, before: torch.Tensor | None = None
    ) -> Tensors:
        """Map `(1, rows, width)` to `(1, features, width)`."""
        end = hidden.shape[1] - self.behind
        features = self.norm(hidden[:, end - self.num_rows : end])
        return (features if before is None else torch.cat((before, features), dim=1),)


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
