# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The chain of a checkpoint folder follows from its files; damage is named."""

from __future__ import annotations

import pytest

from roboecc_core.backends.chains import chain_of
from roboecc_core.errors import CheckpointError


def test_chain_of_a_folder_reads_its_config_only(tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        chain_of(str(tmp_path))
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(CheckpointError, match="expected an object"):
        chain_of(str(tmp_path))


def test_chain_of_a_folder_is_that_of_the_model_in_it(nano):
    chain = chain_of(str(nano.model.checkpoint.folder), dtype="float32")
    assert [layer.name for layer in chain.layers] == [la.name for la in nano.model.chain.layers]
