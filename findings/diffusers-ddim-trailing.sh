#!/usr/bin/env bash
# diffusers 0.42.1: "trailing" timesteps of DDIMScheduler are one too many for some numbers of steps, and the last is -1.
#
# One would guess that set_timesteps(n) lists n timesteps from 0 to 999. For 62 of the numbers from 1 to 1,000, 61 the
# smallest, a rounding error adds one more, which is -1: as an index that is the noisiest level, so that a sampler's
# last step takes the finished sample for pure noise. No error, no warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 diffusers==0.42.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import diffusers

scheduler = diffusers.DDIMScheduler(timestep_spacing="trailing")
wrong = []
for steps in range(1, 1001):
    scheduler.set_timesteps(steps)
    if len(scheduler.timesteps) != steps:
        wrong.append(steps)
        assert len(scheduler.timesteps) == steps + 1
        assert scheduler.timesteps[-1] == -1
print(f"diffusers {diffusers.__version__}: {len(wrong)} of 1000 numbers of steps, {wrong[:4]} …")
assert len(wrong) == 62 and wrong[0] == 61
PY
