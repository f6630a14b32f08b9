# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboecc_core.control_plane.forecast import Forecast, Forecaster, LastValue


@pytest.fixture
def forecaster():
    return LastValue()


def test_last_value_is_a_forecaster_and_says_nothing_before_data(forecaster):
    protocol: Forecaster = forecaster
    assert protocol.predict(1) is None


def test_first_value_is_the_whole_forecast(forecaster):
    forecaster.update(1e6)
    assert forecaster.predict(5) == Forecast(1e6, 1e6, 1e6, 1e6)


def test_constant_bandwidth_has_no_band(forecaster):
    for _ in range(50):
        forecaster.update(3e6)
    assert forecaster.predict(3) == Forecast(3e6, 3e6, 3e6, 3e6)


def test_band_covers_nine_tenths_of_what_comes_on_independent_steps(forecaster):
    generator = random.Random(7)
    level, hits, num_ticks = 1e6, 0, 2000
    for tick in range(num_ticks + 100):
        forecast = forecaster.predict(1)
        level *= math.exp(generator.gauss(0.0, 0.05))
        if tick >= 100:
            hits += forecast.q05 <= level <= forecast.q95
        forecaster.update(level)
    assert 0.87 < hits / num_ticks < 0.93


def test_band_widens_with_the_horizon(forecaster):
    generator = random.Random(7)
    level = 1e6
    for _ in range(256):
        level *= math.exp(generator.gauss(0.0, 0.05))
        forecaster.update(level)
    near, far = forecaster.predict(1), forecaster.predict(10)
    assert far.q95 - far.q05 > 2 * (near.q95 - near.q05)
    assert forecaster.predict(10_000) == forecaster.predict(128)


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf, -1.0])
def test_nonsense_is_ignored(forecaster, nonsense):
    forecaster.update(2e6)
    forecaster.update(nonsense)
    assert forecaster.predict(1).mean == 2e6


@given(
    values=st.lists(st.floats(0.0, 1e12) | st.floats(), max_size=60), horizon=st.integers(-2, 80)
)
def test_forecast_is_ordered_and_finite_for_any_values(values, horizon):
    forecaster = LastValue()
    for value in values:
        forecaster.update(value)
    forecast = forecaster.predict(horizon)
    if forecast is not None:
        assert 0.0 <= forecast.q05 <= forecast.q50 <= forecast.q95
        assert not any(map(math.isnan, (forecast.mean, forecast.q05, forecast.q95)))
