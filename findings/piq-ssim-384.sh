#!/usr/bin/env bash
# piq 0.8.0: the SSIM of a noisy picture doubles when it is 384 pixels wide instead of 383.
#
# One would guess that one more row and column of 383 changes a mean over all windows by a thousandth, as it does in
# scikit-image. Of a photograph with noise of 0.1 the value goes from 0.334 to 0.651: by default piq averages blocks of
# round(side / 256) pixels first, so two by two from 384 on (three by three from 641), which takes most of the noise
# away. Values of pictures on both sides of such a step are of two different measures, and none of the larger ones
# agrees with other libraries, unless downsample=False is given.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchvision==0.29.1 piq==0.8.0 scikit-image==0.26.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

import piq
import skimage
import torch

photograph = torch.tensor(skimage.data.astronaut()).permute(2, 0, 1)[None].float() / 255
noise = torch.randn(photograph.shape, generator=torch.Generator().manual_seed(0))
noisy = (photograph + 0.1 * noise).clamp(0, 1)


def values(side):
    pair = [picture[..., :side, :side] for picture in (noisy, photograph)]
    arrays = [picture[0].permute(1, 2, 0).numpy() for picture in pair]
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    reference = skimage.metrics.structural_similarity(*arrays, data_range=1.0, channel_axis=2, **window)
    plain = piq.ssim(*pair, data_range=1.0, downsample=False).item()
    return piq.ssim(*pair, data_range=1.0).item(), plain, float(reference)


below, above = values(383), values(384)
for side, found in ((383, below), (384, above)):
    print(f"piq {version('piq')} at {side} px: {found[0]:.3f}, downsample=False {found[1]:.3f}, skimage {found[2]:.3f}")
assert abs(below[0] - below[2]) < 1e-3
assert above[0] > 1.8 * below[0]
assert abs(above[1] - above[2]) < 1e-3 and abs(above[1] - below[1]) < 1e-3
PY
