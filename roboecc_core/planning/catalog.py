# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""From the name of a model to its layer chain. The built-in models are files in `models/`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from roboecc_core.errors import ConfigError
from roboecc_core.planning.assembly import assemble
from roboecc_core.planning.chain import LayerChain
from roboecc_core.planning.description import HEADS, ModelDescription
from roboecc_core.planning.nano import NANO, nano_config
from roboecc_core.planning.openvla import OpenVlaStructure
from roboecc_core.planning.records import RecordReader, closest

_FOLDER = Path(__file__).with_name("models")
_NANO_LINE = "small OpenVLA structure, random weights from a seed, needs no download"
_REFUSED: Mapping[str, str] = {
    "qwenvla": (
        "QwenVLA (arXiv 2509.11480) is known but cannot be modelled: its architecture is not "
        "public, and no figures are invented here; describe it in a YAML file if you have it"
    )
}


def known_models() -> dict[str, str]:
    """Return the built-in models with a line on each, in alphabetical order."""
    lines = {name: describe(name).description for name in _names()}
    return dict(sorted({NANO: _NANO_LINE, **lines}.items()))


def _names() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


@functools.cache
def describe(name: str) -> ModelDescription:
    """Return a built-in model's description, or that of a user's YAML file.

    Raises:
        ConfigError: the name is unknown, refused with a reason, or the file is wrong.
    """
    if name.lower() in _REFUSED:
        raise ConfigError(_REFUSED[name.lower()])
    path = Path(name).expanduser() if name.endswith((".yaml", ".yml")) else None
    if path is None:
        if name not in _names():
            known = [NANO, *_names()]
            raise ConfigError(
                f"model {name!r} is unknown{closest(name, known)}; known: {', '.join(known)}, or "
                "a YAML description, or a checkpoint folder"
            )
        path = _FOLDER / f"{name}.yaml"
    return RecordReader(path, HEADS).load(ModelDescription)


@functools.cache
def model_chain(name: str) -> LayerChain:
    """Return the layer chain of a built-in model or a user's YAML description.

    Raises:
        ConfigError: as `describe`.
    """
    if name == NANO:
        return OpenVlaStructure.from_config(nano_config(0), name=NANO).chain("float32")
    return assemble(describe(name))
