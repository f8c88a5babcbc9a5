#!/usr/bin/env bash
# torch 2.14.1: a program that torch.export.save writes carries the picture that it was exported with, to the bit.
#
# One would guess that a .pt2 holds a graph and its weights, since the example input only serves to trace shapes. It
# holds the example input in full, and whoever loads the file has it back as `example_inputs`. So the head of a split
# network that was exported with a real picture hands that picture to every device that gets the head.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchvision==0.29.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import os

import torch
import torchvision

torch.manual_seed(0)
network = torchvision.models.resnet18()
head = torch.nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool, network.layer1).eval()
batch = {"input": {0: torch.export.Dim("batch")}}
sizes = {}
for side in (64, 512):
    private = torch.rand(2, 3, side, side)
    program = torch.export.export(head, (private,), dynamic_shapes=batch)
    torch.export.save(program, f"head-{side}.pt2")
    (found,), _ = torch.export.load(f"head-{side}.pt2").example_inputs
    assert torch.equal(found, private)
    sizes[side] = os.path.getsize(f"head-{side}.pt2")
weights = 4 * sum(each.numel() for each in head.state_dict().values())
print(f"torch {torch.__version__}: weights {weights} bytes; the file of 64-px examples {sizes[64]}, of 512-px {sizes[512]}")
print("the examples come back from both files to the bit")
assert sizes[512] - sizes[64] > 0.9 * 4 * 2 * 3 * (512**2 - 64**2)
PY
