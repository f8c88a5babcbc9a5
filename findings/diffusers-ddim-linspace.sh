#!/usr/bin/env bash
# diffusers 0.42.1: DDIMScheduler.step does not step to the next of its own timesteps where they are spaced "linspace".
#
# One would guess that a step from one timestep leads to the next one that set_timesteps listed. The step goes to
# t - 1000 // n whatever the spacing is. With the exact denoiser of N(1, 0.5²) three steps end at a mean of 0.75, and
# twenty at 0.97; with "trailing", where list and step agree, at 1.00 both. Nothing warns.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 diffusers==0.42.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import diffusers
import torch

def mean(spacing, steps):
    scheduler = diffusers.DDIMScheduler(timestep_spacing=spacing, clip_sample=False)
    scheduler.set_timesteps(steps)
    sample = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    for timestep in scheduler.timesteps:
        alpha = scheduler.alphas_cumprod[timestep]
        clean = 1 + alpha.sqrt() * 0.25 / (alpha * 0.25 + 1 - alpha) * (sample - alpha.sqrt())
        noise = (sample - alpha.sqrt() * clean) / (1 - alpha).sqrt()
        sample = scheduler.step(noise, timestep, sample).prev_sample
    return sample.mean().item()

found = {spacing: [round(mean(spacing, steps), 2) for steps in (3, 20)] for spacing in ("linspace", "trailing")}
print(f"diffusers {diffusers.__version__}, mean after 3 and 20 steps, 1 is right: {found}")
scheduler = diffusers.DDIMScheduler(timestep_spacing="linspace")
scheduler.set_timesteps(3)
print(f"the timesteps are {scheduler.timesteps.tolist()}; the first step goes from 999 to {999 - 1000 // 3}")
assert found["linspace"][0] < 0.8 and found["linspace"][1] < 0.98
assert all(abs(mean - 1) < 0.01 for mean in found["trailing"])
PY
