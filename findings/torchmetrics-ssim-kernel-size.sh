#!/usr/bin/env bash
# torchmetrics 1.9.0: kernel_size of SSIM changes nothing, unless the window is not a Gaussian one, which is the default.
#
# One would guess that kernel_size=3 and kernel_size=31 compare windows of 3 and of 31 pixels a side. The Gaussian
# window's side follows from sigma alone, 2 * int(3.5 * sigma + 0.5) + 1 pixels, so 11 for the default; the given size
# is checked (it must be odd), and then left aside. Only with gaussian_kernel=False the values differ.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchmetrics==1.9.0 scikit-image==0.26.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import skimage
import torch
import torchmetrics
from torchmetrics.functional.image import structural_similarity_index_measure

photograph = torch.tensor(skimage.data.astronaut()).permute(2, 0, 1)[None, :, :128, :128].float() / 255
noise = torch.randn(photograph.shape, generator=torch.Generator().manual_seed(0))
noisy = (photograph + 0.1 * noise).clamp(0, 1)


def values(**options):
    sides = (3, 11, 31)
    found = [structural_similarity_index_measure(noisy, photograph, data_range=1.0, kernel_size=s, **options) for s in sides]
    return [round(value.item(), 4) for value in found]


gaussian, uniform = values(), values(gaussian_kernel=False)
print(f"torchmetrics {torchmetrics.__version__}, kernel_size 3, 11, 31: {gaussian}, with gaussian_kernel=False {uniform}")
assert len(set(gaussian)) == 1
assert len(set(uniform)) == 3
PY
