# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""From what users type for a model to its layer chain. Reads no weights.

Built-in models and descriptions need no torch, and who plans with these should not wait for
it; only a checkpoint folder does, because its family may follow from its tensors' names.
"""

from __future__ import annotations

import os
from pathlib import Path

from roboecc_core.planning.catalog import model_chain
from roboecc_core.planning.chain import LayerChain
from roboecc_core.planning.nano import NANO, nano_config
from roboecc_core.planning.openvla import OpenVlaStructure


def chain_of(model: str, *, seed: int = 0, dtype: str = "bfloat16") -> LayerChain:
    """Return the chain of a built-in model, a YAML description or a checkpoint folder.

    Args:
        model: what the user typed.
        seed: of a built-in model's weights.
        dtype: of the activations of a checkpoint; a description has its own.

    Raises:
        CheckpointError: a folder or its config.json is missing, damaged or of no known family.
        ConfigError: nothing has this name; lists what is known.
    """
    if model == NANO:
        return OpenVlaStructure.from_config(nano_config(seed), name=model).chain("float32")
    folder = Path(model).expanduser()
    is_description = folder.suffix in (".yaml", ".yml")
    if is_description or (os.sep not in model and not folder.is_dir()):
        return model_chain(model)
    from roboecc_core.backends.checkpoint import CheckpointFolder  # noqa: PLC0415  torch
    from roboecc_core.backends.families import structure_of  # noqa: PLC0415

    return structure_of(CheckpointFolder(folder), dtype=dtype).chain
