# SPDX-License-Identifier: MIT
"""Which files belong to the project. Used by the checks."""

import os
import subprocess

MADE = {".git", ".cache", "build", "__pycache__", ".pytest_cache"}


def files(root):
    """Names from the root, sorted: what git knows or would take, or without git all but what is
    made."""
    try:
        listed = subprocess.run(["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-co",
                                 "--exclude-standard"], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)
        names = listed.stdout.split("\n") if listed.returncode == 0 else list(_walk(root))
    except FileNotFoundError:
        names = list(_walk(root))
    return sorted(n for n in set(names) if n and os.path.isfile(os.path.join(root, n)))


def _walk(root):
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name not in MADE]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)
