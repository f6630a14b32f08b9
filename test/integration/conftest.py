# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What several tests share: one small model, loaded once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from roboecc_core.backends.catalog import OpenedModel
    from roboecc_core.data_plane.segment import Segment


@pytest.fixture(scope="session")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenedModel]:
    """`nano` of seed 0 in a cache of its own, one torch thread, on the CPU in float32."""
    import torch

    from roboecc_core.backends.catalog import open_model

    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBOECC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield open_model("nano", device="cpu")


@pytest.fixture(scope="session")
def nano_segment(nano: OpenedModel) -> Segment:
    """All layers of `nano`. Segments keep no step state, so all tests may share it."""
    return nano.load(range(nano.model.chain.num_layers))
