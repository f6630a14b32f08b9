# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A side loads its own layers only, from mapped files, in hardly more memory than they keep."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from roboecc_core.backends.catalog import open_model  # noqa: E402
from roboecc_core.backends.random_weights import write_openvla  # noqa: E402
from roboecc_core.planning.nano import nano_config  # noqa: E402

pytestmark = pytest.mark.torch

# Loads layers in bfloat16 from float32 files, so that nothing of them stays file-backed, while
# a thread reads how much anonymous memory the process has.
PROGRAM = """
import json, sys, threading
import torch
from roboecc_core.backends.catalog import open_model

def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * int(next(l for l in lines if l.startswith("RssAnon")).split()[1])

torch.set_num_threads(1)
opened = open_model(sys.argv[1], device="cpu", dtype="bfloat16")
held = range(opened.model.chain.num_layers)
opened.load(range(3))  # imports, thread pools, arenas
before, peak, done = anonymous(), 0, threading.Event()

def watch():
    global peak
    while not done.wait(0.001):
        peak = max(peak, anonymous())

thread = threading.Thread(target=watch)
thread.start()
segment = opened.load(held)
done.set()
thread.join()
print(json.dumps({"resident": segment.resident_bytes, "peak": peak - before}))
"""


@pytest.fixture(scope="module")
def middle_sized(tmp_path_factory):
    """120 M parameters; a block has 16 M, so that one layer too many in memory would show."""
    config = nano_config(0)
    config["text_config"] |= {
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
    }
    folder = tmp_path_factory.mktemp("middle")
    write_openvla(folder, config, 0)
    return folder


def test_loading_takes_at_most_15_percent_more_than_what_stays(middle_sized):
    open_model(str(middle_sized))  # writes the manifest
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(middle_sized)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["resident"] > 100e6
    assert figures["peak"] <= 1.15 * figures["resident"], figures


def test_side_with_the_towers_and_one_block_loads_with_the_other_shards_deleted(middle_sized):
    folder = middle_sized
    tensors = load_file(folder / "model.safetensors")

    def shard(key: str) -> str:
        parts = key.split(".")
        number = int(parts[3]) if parts[2] == "layers" else 0 if "embed" in key else -1
        is_early = not key.startswith("language_model") or number == 0
        return "first.safetensors" if is_early else "second.safetensors"

    weight_map = {key: shard(key) for key in tensors}
    for name in set(weight_map.values()):
        part = {key: value for key, value in tensors.items() if weight_map[key] == name}
        save_file(part, str(folder / name))
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    (folder / "model.safetensors").unlink()
    whole = open_model(str(folder))  # reads the manifest; one shard goes
    (folder / "second.safetensors").unlink()
    held = range(whole.model.chain.index_of("llama.1.norm1"))
    assert open_model(str(folder)).load(held).resident == set(held)
