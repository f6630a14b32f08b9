# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What the robot sees and is told, as the tensors that the towers and the decoder take."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from tokenizers import Tokenizer

from roboecc_core.errors import CheckpointError, ConfigError

PROMPT = "In: What action should the robot take to {}?\nOut:"
# Llama's token for a lone blank, which the prompt ends with in training and which its
# tokenizer does not emit here (openvla's predict_action appends it).
EMPTY_TOKEN = 29871
_RGB_CHANNELS = 3
_CROP_AREA = 0.9  # what OpenVLA's evaluation keeps of an image for models trained with crops


def square_image(
    image: npt.NDArray[np.uint8], size_px: int, *, centre_crop: bool = False
) -> torch.Tensor:
    """Return an RGB image `(height, width, 3)` as `(1, size, size, 3)`, squeezed if need be.

    `centre_crop` first keeps the middle 0.9 of its area and stretches that back.

    Raises:
        ConfigError: it is not uint8 with three channels.
    """
    if image.shape[2:] != (_RGB_CHANNELS,) or image.dtype != np.uint8:
        raise ConfigError(
            f"image is {image.dtype} {image.shape}; expected uint8 (height, width, 3) RGB"
        )
    if image.shape[:2] != (size_px, size_px):
        whole = Image.fromarray(image)
        image = np.asarray(whole.resize((size_px, size_px), Image.Resampling.BICUBIC))
    if centre_crop:
        margin = size_px * (1.0 - math.sqrt(_CROP_AREA)) / 2.0
        box = (margin, margin, size_px - margin, size_px - margin)
        middle = Image.fromarray(image).resize(
            (size_px, size_px), Image.Resampling.BILINEAR, box=box
        )
        image = np.asarray(middle)
    return torch.from_numpy(np.array(image)).unsqueeze(0)


class PromptEncoder:
    """An instruction as token ids, with what a family puts behind it.

    Args:
        folder: holds tokenizer.json.
        max_tokens: that fit in front of what the model adds.
        suffix: ids behind the prompt.
        template: the prompt around the instruction.
    """

    def __init__(
        self, folder: Path, *, max_tokens: int, suffix: Sequence[int], template: str = PROMPT
    ) -> None:
        self._file = folder / "tokenizer.json"
        self._max_tokens = max_tokens
        self._suffix = list(suffix)
        self._template = template

    def ids(self, instruction: str) -> torch.Tensor:
        """Return the prompt's ids `(1, prompt)`.

        Raises:
            ConfigError: the prompt is too long.
            CheckpointError: the tokenizer is missing or damaged.
        """
        text = self._template.format(instruction.lower())
        ids = [*self._tokenizer.encode(text).ids, *self._suffix]
        if len(ids) > self._max_tokens:
            raise ConfigError(
                f"the instruction makes {len(ids)} prompt tokens, at most {self._max_tokens} fit; "
                "shorten it"
            )
        return torch.tensor([ids])

    @functools.cached_property
    def _tokenizer(self) -> Tokenizer:
        try:
            return Tokenizer.from_str(self._file.read_text(encoding="utf-8"))
        except Exception as error:  # the library raises bare Exception
            raise CheckpointError(
                f"cannot read {str(self._file)!r}: {error}; put the language model's "
                "tokenizer.json (for CogACT Llama 2's) into the checkpoint folder"
            ) from error
