#!/usr/bin/env bash
# torchvision 0.29.1: importing it imports torch's compiler and sympy, and costs about what torch itself costs.
#
# One would guess that a package of models and transforms adds little to an imported torch, which leaves its compiler
# alone until something is compiled. torchvision.models imports torchvision.ops.roi_align, and that torch._dynamo.utils:
# hundreds of modules of torch._dynamo and sympy in every process that only wants a ResNet. Seen on two cores: 1.4
# CPU-seconds for torch, 1.4 more for torchvision.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchvision==0.29.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys
import time


def loaded() -> dict[str, int]:
    names = ("torch._dynamo", "sympy")
    return {name: sum(f"{each}.".startswith(f"{name}.") for each in sys.modules) for name in names}


began = time.process_time()
import torch

plain, after_torch = time.process_time() - began, loaded()
began = time.process_time()
import torchvision

more, after_both = time.process_time() - began, loaded()
print(f"torch {torch.__version__}: {plain:.1f} CPU-s, {after_torch}")
print(f"torchvision {torchvision.__version__}: {more:.1f} CPU-s more, {after_both}")
assert not any(after_torch.values()), after_torch
assert after_both["torch._dynamo"] > 50 and after_both["sympy"] > 100, after_both
PY
