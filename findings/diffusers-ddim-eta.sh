#!/usr/bin/env bash
# diffusers 0.42.1: DDIMScheduler makes NaN of the first step where it starts from pure noise and adds new noise.
#
# One would guess that eta=1 works with rescale_betas_zero_snr=True as it does without. At the noisiest timestep the
# share of old noise, 1 - alpha' - sigma^2, is 0 then; for some numbers of steps it rounds to less, and its root is
# NaN, which every later step keeps (seen: 3, 4, 5, 6, 7 and 17 of 1 to 100). No error, no warning; eta=0 and most
# other numbers of steps are fine.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 diffusers==0.42.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import diffusers
import torch

scheduler = diffusers.DDIMScheduler(
    beta_schedule="scaled_linear",
    prediction_type="v_prediction",
    rescale_betas_zero_snr=True,
    timestep_spacing="trailing",
    clip_sample=False,
)
noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
wrong = []
for steps in range(1, 101):
    scheduler.set_timesteps(steps)
    first = scheduler.timesteps[0]
    assert scheduler.step(torch.zeros_like(noise), first, noise, eta=0.0).prev_sample.isfinite().all()
    if scheduler.step(torch.zeros_like(noise), first, noise, eta=1.0).prev_sample.isnan().any():
        wrong.append(steps)
print(f"diffusers {diffusers.__version__}: NaN for {wrong} steps")
assert wrong and len(wrong) < 50, wrong
PY
