# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Which family a checkpoint folder belongs to, and the yardstick of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from roboecc_core.backends.checkpoint import CheckpointFolder
from roboecc_core.backends.cogact import CogAct
from roboecc_core.backends.model import Model
from roboecc_core.backends.openvla import OpenVla
from roboecc_core.backends.unsplit import Unsplit, UnsplitOpenVla
from roboecc_core.backends.unsplit_cogact import UnsplitCogAct
from roboecc_core.errors import CheckpointError


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """Models that share a checkpoint layout.

    Attributes:
        name: for messages.
        owns: whether a folder is of this family, from its config.
        model: opens a checkpoint; takes `dtype` and `unnorm_key`.
        unsplit: the same model run whole, by other code.
    """

    name: str
    owns: Callable[[Mapping[str, Any]], bool]
    model: Callable[..., Model]
    unsplit: Callable[..., Unsplit]


FAMILIES = (
    Family("CogACT", lambda c: "vla" in c or "action_model_type" in c, CogAct, UnsplitCogAct),
    Family("OpenVLA", lambda c: c.get("model_type") == "openvla", OpenVla, UnsplitOpenVla),
)


def family_of(checkpoint: CheckpointFolder) -> Family:
    """Return the family of a checkpoint.

    Raises:
        CheckpointError: it is of none of them.
    """
    for family in FAMILIES:
        if family.owns(checkpoint.config):
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
