# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""CogACT from its own layout, and its sampler."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from roboecc_core.backends.actions import UnnormaliseActions  # noqa: E402
from roboecc_core.backends.catalog import open_model  # noqa: E402
from roboecc_core.backends.checkpoint import CheckpointFolder  # noqa: E402
from roboecc_core.backends.cogact import CogAct  # noqa: E402
from roboecc_core.backends.dit_layers import DdimSchedule  # noqa: E402
from roboecc_core.backends.split_check import made_up_inputs  # noqa: E402
from roboecc_core.backends.unsplit_cogact import UnsplitCogAct  # noqa: E402
from roboecc_core.errors import CheckpointError, ConfigError  # noqa: E402

pytestmark = pytest.mark.torch
IMAGE = np.zeros((40, 30, 3), np.uint8)


@pytest.fixture
def folder(cogact_folder, tmp_path):
    shutil.copytree(cogact_folder, tmp_path / "model")
    return tmp_path / "model"


def model(folder, **options):
    options = {"dtype": "float32", "unnorm_key": "bridge", **options}
    return CogAct(CheckpointFolder(folder), **options)


def rewrite(folder, change) -> None:
    file = folder / "checkpoints" / "random.pt"
    state = torch.load(file, weights_only=True)
    change(state["model"])
    torch.save(state, file)


def test_every_layer_holds_exactly_the_weights_that_the_chain_declares(cogact_folder):
    cogact = model(cogact_folder, dtype="bfloat16")
    opened = open_model(
        str(cogact_folder), dtype="bfloat16", unnorm_key="bridge", keeps_manifest=False
    )
    segment = opened.load(range(cogact.chain.num_layers))
    for index, layer in enumerate(cogact.chain.layers):
        parameters = segment.operations[index].parameters()
        assert sum(p.numel() * p.element_size() for p in parameters) == layer.weight_bytes, layer


def test_observe_ends_the_prompt_with_two_tokens_and_draws_noise_from_its_generator(
    cogact_folder,
):
    draws = [
        model(cogact_folder, noise=torch.Generator().manual_seed(seed)).observe(IMAGE, "go")
        for seed in (5, 5, 6)
    ]
    assert draws[0]["prompt_ids"][0, -2:].tolist() == [3, 2]
    assert draws[0]["image"].shape == (1, 28, 28, 3)
    assert torch.equal(draws[0]["sample"], draws[1]["sample"])
    assert not torch.equal(draws[0]["sample"], draws[2]["sample"])


def test_ema_weights_are_used_when_present(folder):
    plain = model(folder)
    inputs = made_up_inputs(plain.chain, seed=0)
    before = UnsplitCogAct(plain).run(inputs)["actions"][0]

    def average(groups):
        groups["ema_diffusion"] = {k: v * 0.5 for k, v in groups["action_model"].items()}

    rewrite(folder, average)
    averaged = model(folder)
    _, sources = averaged.build_layer(averaged.chain.index_of("dit.final"))
    assert sources["out.weight"].key.startswith("ema_diffusion.net.")
    assert not torch.equal(UnsplitCogAct(averaged).run(inputs)["actions"][0], before)


def test_size_of_the_action_model_is_read_from_the_weights_when_config_is_silent(folder):
    config = json.loads((folder / "config.json").read_text())
    del config["action_model_args"]
    (folder / "config.json").write_text(json.dumps(config))

    def widen(groups):
        groups["action_model"]["net.x_embedder.linear.weight"] = torch.zeros(384, 7)

    rewrite(folder, widen)
    head = model(folder).structure.head
    assert (head.width, head.depth, head.num_heads) == (384, 6, 4)


def test_open_lists_the_known_sizes_when_the_named_one_is_unknown(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {"action_model_args": None, "action_model_type": "DiT-XXL"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"'DiT-XXL'.*'DiT-B'"):
        model(folder)


def test_open_lists_the_known_unnorm_keys_when_none_is_named(cogact_folder):
    with pytest.raises(ConfigError, match=r"knows \['bridge', 'fractal'\]"):
        model(cogact_folder, unnorm_key="")


def test_model_id_differs_with_the_statistics_chosen(cogact_folder):
    ids = {
        open_model(str(cogact_folder), unnorm_key=key, keeps_manifest=False).model_id
        for key in ("bridge", "fractal")
    }
    assert len(ids) == 2


def test_open_names_the_file_when_it_is_truncated(folder):
    file = folder / "checkpoints" / "random.pt"
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(CheckpointError, match=r"random\.pt.*cut short"):
        model(folder)


def test_open_refuses_a_pickle_of_anything_but_tensors(folder):
    torch.save({"model": pytest}, folder / "checkpoints" / "random.pt", pickle_module=_Pickle)
    with pytest.raises(CheckpointError, match="plain tensors"):
        model(folder)


class _Pickle:
    """A pickler that writes a reference to a function, as an attack would."""

    import pickle

    Unpickler = pickle.Unpickler

    class Pickler(pickle.Pickler):
        def persistent_id(self, _obj):
            return None

        def reducer_override(self, obj):
            return (print, ("owned",)) if obj is pytest else NotImplemented


def test_open_names_both_files_when_there_are_two(folder):
    shutil.copy(folder / "checkpoints" / "random.pt", folder / "checkpoints" / "other.pt")
    with pytest.raises(CheckpointError, match=r"'other\.pt', 'random\.pt'"):
        model(folder)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda g: g["action_model"].pop("net.blocks.1.attn.qkv.weight"), "no tensor.*attn.qkv"),
        (lambda g: g["projector"]["projector.0.bias"].fill_(float("nan")), "NaN"),
        (
            lambda g: g["projector"].update({"projector.0.bias": torch.zeros(320).int()}),
            "int32, expected one of",
        ),
    ],
    ids=["missing", "NaN", "integers"],
)
def test_load_names_the_tensor_that_is_wrong(folder, change, text):
    rewrite(folder, change)
    with pytest.raises(CheckpointError, match=text):
        open_model(str(folder), device="cpu", unnorm_key="bridge", keeps_manifest=False)


def test_observe_says_where_the_tokenizer_belongs_when_there_is_none(folder):
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="Llama 2's"):
        model(folder).observe(IMAGE, "go")


def test_guidance_of_one_runs_a_single_sequence(cogact_folder):
    single = model(cogact_folder, guidance_scale=1.0)
    assert single.chain.tensors["dit.hidden"].shape[0] == 1


def test_schedule_visits_evenly_spaced_steps_noisiest_first():
    schedule = DdimSchedule.evenly_spaced(10)
    assert schedule.timesteps == tuple(range(90, -1, -10))
    assert schedule.kept_after[-1] == 1.0
    assert schedule.kept_after[:-1] == schedule.kept[1:]
    assert list(schedule.kept) == sorted(schedule.kept)


def test_schedule_refuses_a_number_of_steps_that_does_not_divide():
    with pytest.raises(ConfigError, match="expected for instance"):
        DdimSchedule.evenly_spaced(60)


def test_schedule_recovers_the_signal_from_the_true_noise():
    """With the noise known, every DDIM step lands on the noised signal of the next level."""
    schedule = DdimSchedule.evenly_spaced(10)
    generator = torch.Generator().manual_seed(0)
    signal, noise = (torch.randn(1, 16, 7, generator=generator) for _ in range(2))
    kept = torch.tensor(schedule.kept)
    sample = kept[0].sqrt() * signal + (1 - kept[0]).sqrt() * noise
    for iteration in range(10):
        sample = schedule.denoise(sample, noise, iteration)
    torch.testing.assert_close(sample, signal, atol=1e-4, rtol=1e-4)


def test_unnormalise_clips_and_rounds_the_gripper(cogact_folder):
    cogact = model(cogact_folder)
    operation = UnnormaliseActions(cogact.statistics, action_dim=7, rounds_gripper=True)
    chunk = torch.tensor([[2.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.5], [0.0] * 6 + [0.49]])
    (actions,) = operation(None, chunk)
    assert actions.tolist() == [[0.02, -0.02, 0, 0, 0, 0, 1.0], [0.0] * 7]
