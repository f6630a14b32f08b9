# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What users type for a span or for layers, turned into values."""

from __future__ import annotations

from roboecc_core.errors import ConfigError
from roboecc_core.planning.structure import LayerChain
from roboecc_core.types import CloudSpan

EVERYTHING = "all"


def parse_span(text: str, chain: LayerChain) -> CloudSpan:
    """Return the span of `START:STOP`; each a number, a layer's name, or `n` for the end.

    Raises:
        ConfigError: the text is no span of this model.
    """
    start, colon, stop = text.strip().partition(":")
    if not colon:
        raise ConfigError(f"span {text!r} is not START:STOP, for example embed:n or 0:0")
    return CloudSpan(_cut(start, chain), _cut(stop, chain)).checked(chain.num_layers)


def parse_spans(text: str, chain: LayerChain) -> tuple[CloudSpan, ...]:
    """Return the different spans of a comma-separated list, in its order."""
    return tuple(dict.fromkeys(parse_span(part, chain) for part in text.split(",")))


def parse_layers(text: str, chain: LayerChain) -> frozenset[int]:
    """Return the layers of `all` or of a comma-separated list of `START:STOP`."""
    if text.strip() == EVERYTHING:
        return frozenset(range(chain.num_layers))
    spans = parse_spans(text, chain)
    return frozenset(index for span in spans for index in range(span.start, span.stop))


def _cut(text: str, chain: LayerChain) -> int:
    text = text.strip()
    if text == "n":
        return chain.num_layers
    if text.isdecimal():
        return int(text)
    for index, layer in enumerate(chain.layers):
        if layer.name == text:
            return index
    raise ConfigError(
        f"cut {text!r} is neither a number, nor n, nor a layer of {chain.model!r}; "
        "'roboecc models show' lists the layers"
    )
