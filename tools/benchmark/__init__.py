# SPDX-License-Identifier: MIT
"""Parts of tools/bench: boots.py runs machines, measures.py turns what they say into figures."""
