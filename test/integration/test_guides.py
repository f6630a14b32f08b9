# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The guides' programs run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"


def test_bring_your_own_vla_proves_every_span_of_its_example():
    text = (GUIDES / "bring-your-own-vla.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "7 spans, all bit-exact\n"
