# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest

from roboecc_core.errors import ConfigError
from roboecc_ros.described import described, from_text, settings


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    rate_hz: float = described(5.0, "how often", name="camera.rate_hz", bounds=(0.5, 10.0))
    seed: int = described(0, "of everything", bounds=(0, 9))
    is_on: bool = described(default=True, description="whether")
    colour: str = described("red", "which", choices=("red", "blue"))
    path: str = described("", "where")


BY_NAME = {setting.name: setting for setting in settings(Sample)}


def test_settings_carry_field_name_default_and_words():
    rate = BY_NAME["camera.rate_hz"]
    assert (rate.field, rate.default, rate.description) == ("rate_hz", 5.0, "how often")
    assert rate.allowed == "a number from 0.5 to 10"
    assert BY_NAME["colour"].allowed == "one of red, blue"
    assert Sample().rate_hz == 5.0


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("camera.rate_hz", 2, 2.0),
        ("camera.rate_hz", 0.5, 0.5),
        ("seed", 9, 9),
        ("is_on", False, False),
        ("colour", "blue", "blue"),
        ("path", 0, "0"),  # a shell's camera:=0 arrives as a number
    ],
)
def test_checked_returns_an_allowed_value_in_the_settings_type(name, given, value):
    checked = BY_NAME[name].checked(given)
    assert checked == value
    assert type(checked) is type(value)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("camera.rate_hz", 10.5),
        ("camera.rate_hz", float("nan")),
        ("camera.rate_hz", "fast"),
        ("camera.rate_hz", True),
        ("seed", -1),
        ("seed", 1.5),
        ("is_on", 1),
        ("colour", "green"),
        ("path", None),
    ],
)
def test_checked_refuses_naming_setting_value_and_what_is_allowed(name, given):
    setting = BY_NAME[name]
    with pytest.raises(ConfigError) as refusal:
        setting.checked(given)
    assert name in str(refusal.value)
    assert repr(given) in str(refusal.value)
    assert setting.allowed in str(refusal.value)


def test_from_text_parses_what_launch_files_give():
    texts = {"camera.rate_hz": "2", "seed": "3", "is_on": "False", "colour": "blue"}
    assert from_text(Sample, texts) == Sample(2.0, 3, is_on=False, colour="blue")


@pytest.mark.parametrize("texts", [{"seed": "x"}, {"is_on": "maybe"}, {"camera.rate_hz": ""}])
def test_from_text_refuses_what_is_no_value(texts):
    with pytest.raises(ConfigError):
        from_text(Sample, texts)
