# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Which family a checkpoint folder belongs to, and the yardstick of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from roboecc_core.backends.checkpoint import CheckpointFolder
from roboecc_core.backends.cogact import CogAct
from roboecc_core.backends.head_layers import KEY
from roboecc_core.backends.model import Model
from roboecc_core.backends.openvla import OpenVla
from roboecc_core.backends.openvla_heads import HeadedOpenVla
from roboecc_core.backends.unsplit import Unsplit, UnsplitOpenVla
from roboecc_core.backends.unsplit_cogact import UnsplitCogAct
from roboecc_core.backends.unsplit_heads import UnsplitHeadedOpenVla
from roboecc_core.errors import CheckpointError


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """Models that share a checkpoint layout.

    Attributes:
        name: for messages.
        owns: whether a folder is of this family; the first that says so has it.
        model: opens a checkpoint; takes `dtype` and `unnorm_key`.
        unsplit: the same model run whole, by other code.
    """

    name: str
    owns: Callable[[CheckpointFolder], bool]
    model: Callable[..., Model]
    unsplit: Callable[..., Unsplit]


def _is_cogact(folder: CheckpointFolder) -> bool:
    return "vla" in folder.config or "action_model_type" in folder.config


def _is_openvla(folder: CheckpointFolder) -> bool:
    return folder.config.get("model_type") == "openvla"


def _is_headed(folder: CheckpointFolder) -> bool:
    has_head = any(key.startswith(f"{KEY}.") for key in folder.keys())  # noqa: SIM118
    return _is_openvla(folder) and (has_head or "roboecc_head" in folder.config)


FAMILIES = (
    Family("CogACT", _is_cogact, CogAct, UnsplitCogAct),
    Family(
        "OpenVLA-OFT, VOTE or another head on OpenVLA",
        _is_headed,
        HeadedOpenVla,
        UnsplitHeadedOpenVla,
    ),
    Family("OpenVLA", _is_openvla, OpenVla, UnsplitOpenVla),
)


def family_of(checkpoint: CheckpointFolder) -> Family:
    """Return the family of a checkpoint.

    Raises:
        CheckpointError: it is of none of them.
    """
    for family in FAMILIES:
        if family.owns(checkpoint):
            return family
    raise CheckpointError(
        f"{str(checkpoint.folder / 'config.json')!r} (model_type "
        f"{checkpoint.config.get('model_type')!r}) is of no known family; known: "
        f"{', '.join(family.name for family in FAMILIES)}"
    )


def model_of(checkpoint: CheckpointFolder, *, dtype: str, unnorm_key: str = "") -> Model:
    """Open a checkpoint as the model that it is; loads no weights.

    Raises:
        ConfigError: `unnorm_key` is unknown; lists the known ones.
        CheckpointError: the checkpoint is of no known family, or lacks a field.
    """
    return family_of(checkpoint).model(checkpoint, dtype=dtype, unnorm_key=unnorm_key)


def structure_of(checkpoint: CheckpointFolder, *, dtype: str) -> Model:
    """Open a checkpoint for its layers alone: any of its action statistics will do.

    Raises:
        CheckpointError: the checkpoint is of no known family, or lacks a field.
    """
    first = next(iter(checkpoint.config.get("norm_stats") or {}), "")
    return model_of(checkpoint, dtype=dtype, unnorm_key=str(first))
