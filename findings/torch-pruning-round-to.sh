#!/usr/bin/env bash
# torch-pruning 1.6.1: round_to leaves a layer that is narrower than one multiple unpruned, and says nothing.
#
# One would guess that round_to=8 leaves each layer with the multiple of eight next to what was asked for. With 30 % to
# remove, a layer of 20 channels goes from 14 down to 8 instead of up to 16, and one of 6 channels, which goes to 4
# without round_to, keeps all 6: neither a multiple nor pruned, without a warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torch-pruning==1.6.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import torch
import torch_pruning
from torch import nn

def widths(**options):
    network = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 20, 3), nn.ReLU(), nn.Conv2d(20, 4, 1))
    importance = torch_pruning.importance.MagnitudeImportance(p=2)
    pruner = torch_pruning.pruner.MetaPruner(
        network, torch.rand(1, 3, 16, 16), importance=importance, pruning_ratio=0.3, ignored_layers=[network[4]], **options
    )
    pruner.step()
    return network[0].out_channels, network[2].out_channels

exact, rounded = widths(), widths(round_to=8)
print(f"of 6 and 20 channels there stay {exact}, with round_to=8 {rounded}")
assert (exact, rounded) == ((4, 14), (6, 8))
PY
