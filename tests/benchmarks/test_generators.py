"""Generators beside each other, from the records of a benchmark."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks.results.generators import CODEC, Generators
from benchmarks.results.steps import DONE
from keyhole.bench.records import EDGE_ONLY, Design, LeakRecord, ScaleRecord
from keyhole.metrics.registry import metrics_named
from keyhole.metrics.thumbnails import ThumbnailScale


def test_generators_are_compared_on_the_pictures_that_both_attacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, study = "resnet18-streetcam", Generators()
    pictures = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    thumbnails = ThumbnailScale.measure(pictures, metrics_named(("ssim", "psnr")))

    def leak(attack: str, cut: str, ssim: float, seed: int = 0, pictures: int = 6) -> LeakRecord:
        scores = {"ssim": [ssim + place / 100 for place in range(pictures)], "psnr": [20.0] * pictures}
        return LeakRecord(Design(target, cut, "none", CODEC), attack, seed, scores)

    blind = {"flat": leak("blind", EDGE_ONLY, -0.5, pictures=8)}
    leaks = [
        leak("pixels-white", "layer1.0", 0.6),
        leak("decoder-white", "layer1.0", 0.7),
        leak("decoder-white", "layer2.0", 0.75),
        leak("pixels-black", "layer1.0", 0.5, 0, 8),
        leak("pixels-black", "layer1.0", 0.7, 1, 8),
        leak("decoder-black", "layer1.0", 0.6),
        LeakRecord(Design(target, "layer1.0", "gaussian:scale=1", CODEC), "diffusion-white", 0, {"ssim": [1.0] * 6}),
    ]
    scales = [ScaleRecord(Design(target, EDGE_ONLY), blind, thumbnails)]
    assert study.tables(tmp_path)["generators"].count("not measured") == 2 * (6 * 4 + 4)
    study.standard.folder(tmp_path).mkdir()
    (study.standard.folder(tmp_path) / DONE).touch()
    found = SimpleNamespace(leaks=leaks, scales=scales)
    monkeypatch.setattr("benchmarks.results.generators.open_results", lambda _: found)
    scores, gains = (text.splitlines() for text in study.tables(tmp_path).values())
    (black,) = (line for line in scores if line.startswith("| `pixels-black` | 8, 2 seeds |"))
    assert "; 0.635 [" in black
    assert any(line.startswith("| blind attacker | 8 | nothing; -0.465") for line in scores)
    assert not any("1.000" in line for line in scores)
    rows = {line.split(" | ")[0]: line.split(" | ")[1:] for line in gains[:12]}
    assert rows["| `decoder-white` more than `pixels-white`"][0] == "seen: SSIM +0.100 [+0.100, +0.100]"
    assert rows["| `decoder-black` more than `pixels-black`"][0].startswith("not seen: SSIM +0.000 [")
    assert rows["| `decoder-white` more than at the next cut"][0].startswith("the reverse is seen: SSIM -0.050")
