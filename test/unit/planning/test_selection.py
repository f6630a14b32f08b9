# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import pytest

from roboecc_core.backends.chains import chain_of
from roboecc_core.errors import ConfigError
from roboecc_core.planning.selection import parse_layers, parse_span, parse_spans
from roboecc_core.types import CloudSpan

CHAIN = chain_of("nano")
N = CHAIN.num_layers
EMBED = [layer.name for layer in CHAIN.layers].index("embed")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0:n", CloudSpan(0, N)),
        ("0:0", CloudSpan(0, 0)),
        ("embed:n", CloudSpan(EMBED, N)),
        (" 3 : embed ", CloudSpan(3, EMBED)),
        ("n:n", CloudSpan(0, 0)),
    ],
)
def test_parse_span_takes_numbers_names_and_n(text, span):
    assert parse_span(text, CHAIN) == span


@pytest.mark.parametrize("text", ["", "5", "5:2", "nothing:n", "0:999", "-1:n", "a:b:c"])
def test_parse_span_refuses_what_is_no_span_of_the_model(text):
    with pytest.raises(ConfigError):
        parse_span(text, CHAIN)


def test_parse_spans_keeps_the_order_and_drops_repeats():
    assert parse_spans("embed:n,0:n,embed:n", CHAIN) == (CloudSpan(EMBED, N), CloudSpan(0, N))


def test_parse_layers_takes_all_or_ranges():
    assert parse_layers("all", CHAIN) == frozenset(range(N))
    assert parse_layers("0:2,head:n", CHAIN) == {0, 1, N - 2, N - 1}


def test_chain_of_takes_a_model_of_the_catalogue_and_names_what_is_close_to_a_wrong_one():
    assert chain_of("openvla-7b").num_parameters == 7_541_237_184
    with pytest.raises(ConfigError, match="openvla-7b"):
        chain_of("openvla-7c")
