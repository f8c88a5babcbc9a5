from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
from keyhole.service.memory import {keep}

assert {keep}()
for _ in range(3):
    bytearray({size})
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    bytearray({size})
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
@pytest.mark.parametrize(("keep", "size"), [("keep_freed", 8 << 20), ("keep_all_freed", 400 << 20)])
def test_freed_memory_is_kept_for_what_comes_next(keep: str, size: int) -> None:
    script = SCRIPT.format(keep=keep, size=size)
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    pages_of_one = size // os.sysconf("SC_PAGESIZE")
    assert int(output) < pages_of_one
