# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""How many CPU threads the model's arithmetic may use in this process."""

from __future__ import annotations

import torch


def limit_threads(num_threads: int) -> None:
    """Use at most this many threads for one operation; 0 leaves torch's choice."""
    if num_threads:
        torch.set_num_threads(num_threads)
