#!/usr/bin/env bash
# piq 0.8.0: the DSS of a flat reconstruction is wrong in its third digit in float32, by how much depends on its grey.
#
# One would guess that single precision costs about 1e-6, as it does for a picture against itself. Of a plain picture
# against a photograph the value is off by 3e-4 (of 0.023) at white, 2e-4 at mid grey, and 1e-7 at dark grey: DSS takes
# local variances as the mean of squares less the square of the mean, of DCT coefficients at a scale of 255, and a flat
# picture's large constant coefficient leaves nothing but rounding, which is then compared. Doubles give the value.
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

photograph = torch.tensor(skimage.data.astronaut()).permute(2, 0, 1)[None, :, :384, :384].float() / 255


def error(picture):
    single = piq.dss(picture, photograph, reduction="none").item()
    double = piq.dss(picture.double(), photograph.double(), reduction="none").item()
    return abs(single - double)


same, dark, white = (error(one) for one in (photograph, *(torch.full_like(photograph, v) for v in (0.2, 1.0))))
print(f"piq {version('piq')}: float32 is off by {same:.1e} (itself), {dark:.1e} (dark grey), {white:.1e} (white)")
assert same < 1e-5
assert dark < 1e-5
assert white > 1e-4
PY
