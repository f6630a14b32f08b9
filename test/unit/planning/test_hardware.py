# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Eq. 2, the device catalogue, and its calibrated entries solved again."""

import pytest

from roboecc_core.errors import ConfigError
from roboecc_core.planning.calibration import ANCHORS, calibrate
from roboecc_core.planning.catalog import model_chain
from roboecc_core.planning.comparison import claims, rate_rows
from roboecc_core.planning.costs import chain_costs
from roboecc_core.planning.hardware import device, known_devices, load_devices, step_seconds


@pytest.mark.parametrize("name", sorted(ANCHORS))
def test_calibrated_devices_are_the_solution_of_their_anchors(name):
    listed = device(name)
    solved = calibrate(listed, ANCHORS[name])
    for regime, got in solved.efficiency.items():
        assert listed.efficiency[regime].compute == pytest.approx(got.compute, rel=1e-3)
        assert listed.efficiency[regime].memory == pytest.approx(got.memory)
        assert listed.efficiency[regime].overhead_us == pytest.approx(got.overhead_us, rel=2e-3)
    for model, seconds in (
        ("openvla-7b", ANCHORS[name].openvla_s),
        ("cogact-b", ANCHORS[name].cogact_s),
    ):
        total_s = step_seconds(chain_costs(model_chain(model)), listed).sum()
        assert total_s == pytest.approx(seconds, rel=1e-3)


@pytest.mark.parametrize(("name", "tflops"), [("a100", 2496), ("orin", 275), ("thor", 517.5)])
def test_paper_presets_are_table_i(name, tflops):
    preset = device(f"{name}-paper")
    assert preset.peak_flop_per_s("bfloat16") / 1e12 == pytest.approx(tflops, rel=1e-3)
    assert all(share.compute == share.memory == 1.0 for share in preset.efficiency.values())


def test_every_device_names_the_source_of_its_figures():
    for one in known_devices().values():
        assert one.source
        assert all(share.source for share in one.efficiency.values())


def test_v100_runs_bfloat16_models_in_float16():
    assert device("v100").peak_flop_per_s("bfloat16") == pytest.approx(125e12, rel=0.01)


def test_power_modes_of_orin_only_get_slower():
    costs = chain_costs(model_chain("openvla-7b"))
    names = ("orin", "orin-50w", "orin-30w", "orin-15w")
    times = [step_seconds(costs, device(n)).sum() for n in names]
    assert times == sorted(times)


def test_an_unknown_device_lists_the_known_ones_with_the_closest():
    with pytest.raises(ConfigError, match=r"did you mean 'orin-30w'.*known: .*h200"):
        device("orin-30")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("memory_gb_s: nan", "finite number"),
        ("memory_gb_s: -3", "0 or more"),
        ("memory: 64", "unknown field 'memory'"),
        ("memory_gb_s: 20 GB", "finite number"),
    ],
)
def test_a_device_file_with_a_wrong_number_is_refused_with_its_line(line, says, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "mine:\n  description: d\n  source: s\n  frequency_mhz: 1000\n  cores: 1\n"
        f"  flop_per_core_cycle: {{float32: 1}}\n  {line}\n"
        "  efficiency: {parallel: {compute: 1, memory: 1}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_devices(file)
    assert str(caught.value).startswith(f"{file}:7: ")
    assert says in str(caught.value)


def test_claims_are_judged_or_left_unknown_but_never_invented():
    devices = [d for d in known_devices().values() if not d.name.endswith("-paper")]
    judged = claims(rate_rows(["openvla-7b", "vote-1t", "vote-mlp4"], devices))
    verdicts = {one.claim: one.is_held for one in judged}
    assert verdicts["QwenVLA needs the least memory"] is None
    assert all(one.evidence for one in judged)
    few = claims(rate_rows(["openvla-7b"], [device("orin")]))
    unknown = [one for one in few if "were not asked for" in one.evidence]
    assert all(one.is_held is None for one in unknown)
    assert unknown
