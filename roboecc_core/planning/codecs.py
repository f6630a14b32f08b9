# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What a codec does to the bytes that cross, for planning: ratio, time and error.

Nominal figures for choosing before anything runs; `roboecc bench codec` measures a model's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from roboecc_core.errors import ConfigError
from roboecc_core.planning.records import closest


@dataclasses.dataclass(frozen=True, slots=True)
class Codec:
    """One way to pack tensors.

    Attributes:
        ratio: packed bytes a raw byte, by dtype; 1 for a dtype that is left out.
        coding_s_per_byte: both sides together, a raw byte of the dtypes in `ratio`.
        action_error: share of the actions' range that it may cost; 0 = bit for bit.
        source: of the three.
    """

    name: str
    ratio: Mapping[str, float]
    coding_s_per_byte: float
    action_error: float
    source: str


_FLOATS = ("bfloat16", "float16", "float32")
CODECS = {
    codec.name: codec
    for codec in (
        Codec("raw", {}, 0.0, 0.0, "by definition"),
        Codec(
            "jpeg",
            {"uint8": 27.0 / 147.0},
            2e-8,
            0.005,
            "vla-models.md 2: 15-40 KB of 147 KiB; 3 ms for a 224 px image, assumed",
        ),
        Codec(
            "int8",
            {"bfloat16": 0.515, "float16": 0.515, "float32": 0.2575},
            1e-9,
            0.01,
            "a byte a value and a scale a token, outlier channels kept; 1 GB/s, assumed",
        ),
        Codec(
            "lossless",
            dict.fromkeys(_FLOATS, 1 / 1.2),
            3e-9,
            0.0,
            "issue 6's bar: 1.2x, 500 MB/s decode; assumed",
        ),
    )
}
DEFAULT_CODECS = ("raw", "jpeg", "int8")


def codecs_named(names: Sequence[str]) -> tuple[Codec, ...]:
    """Return codecs by name.

    Raises:
        ConfigError: a name is unknown or comes twice, or there is none.
    """
    for name in names:
        if name not in CODECS:
            raise ConfigError(
                f"codec {name!r} is unknown{closest(name, CODECS)}; known: {', '.join(CODECS)}"
            )
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"codecs {list(names)} are not one or more different ones")
    return tuple(CODECS[name] for name in names)
