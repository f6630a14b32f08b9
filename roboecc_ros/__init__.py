# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
