#!/usr/bin/env bash
# torch 2.14.1: FlopCounterMode counts no operation of scaled_dot_product_attention on the CPU.
#
# One would guess that attention counts as its two matrix products, whichever kernel computes it. The CPU's fused
# kernel has no formula: the same call counts 0, and 1,600 when the plain kernel is forced, as the matrix products
# written out do. Costs of a transformer that are measured so on a CPU lack its attention, without a warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

heads = torch.rand(1, 2, 5, 8)

def counted(call):
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()

written_out = counted(lambda: (heads @ heads.transpose(-1, -2)).softmax(-1) @ heads)
chosen = counted(lambda: scaled_dot_product_attention(heads, heads, heads))
with sdpa_kernel(SDPBackend.MATH):
    plain = counted(lambda: scaled_dot_product_attention(heads, heads, heads))
print(f"torch {torch.__version__}: written out {written_out}, plain kernel {plain}, the CPU's own choice {chosen}")
assert (written_out, plain, chosen) == (1600, 1600, 0)
PY
