"""Studies of a detector's backbone and of clips: commands, tables, and verdicts beside the paper's order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.results.clips import FRAMES, Clips, by_video
from benchmarks.results.designs import World
from benchmarks.results.detection import CUTS, DetectorCuts
from benchmarks.results.steps import DONE, SCORES, Step, in_order
from benchmarks.results.text import NONE, TRUE, WORD, WRONG, Text
from keyhole.cli import parsed
from keyhole.data.streetcam.stream import Streetcam
from keyhole.metrics.registry import metrics_named
from keyhole.metrics.thumbnails import ThumbnailScale

SMALL = World(side=64, trainings=2, white=8, black=24, steps=5)
WAVE = (0.0, 0.02, -0.02, 0.05, -0.05, 0.0)
SCALE = ThumbnailScale.measure(torch.rand(12, 3, 24, 24), metrics_named(("ssim",))).as_json()
STUDIES = (DetectorCuts(SMALL), Clips(SMALL), Clips(SMALL, Path("/videos.zip")))


def finish(step: Step, root: Path, run: dict[str, object]) -> None:
    folder = step.folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SCORES).write_text(json.dumps(run))
    (folder / DONE).touch()


def row(cut: str, ssim: list[float]) -> dict[str, object]:
    return {"cut": f"{cut}.1", "pictures": [{"ssim": value, "psnr": 40 * value} for value in ssim]}


@pytest.mark.parametrize("study", STUDIES, ids=["detection", "streetcam", "videos"])
def test_every_command_is_one_that_keyhole_takes(study: DetectorCuts | Clips, tmp_path: Path) -> None:
    names = [step.name for step in in_order(study.steps)]
    assert len(names) == len(set(names))
    for step in study.steps:
        name, *arguments = step.command(tmp_path)
        settings = parsed(name, arguments, {})
        assert settings.json == step.folder(tmp_path) / SCORES
        assert settings.size == 64
        if isinstance(study, DetectorCuts):
            assert settings.cuts == CUTS
            assert settings.n == (8 if "-white" in step.name else 24)
        else:
            assert (settings.clip, settings.cuts) == (FRAMES, ("layer3",))
            assert settings.public == settings.source


def test_texts_are_told_of_pictures_that_show_what_they_say(tmp_path: Path) -> None:
    study = Text(SMALL, pictures=2)
    names = [step.name for step in in_order(study.steps)]
    assert len(names) == len(set(names)) == 2 + 3 * 2 * 3 * (3 + 2)
    seen = [Streetcam("audit", 64).caption_at(index) for index in range(60)]
    for (target, box, scene, name), steps in study.attacks.items():
        for step in steps:
            command, *arguments = step.command(tmp_path)
            settings = parsed(command, arguments, {})
            assert settings.prior == str(study.prior.folder(tmp_path))
            assert (settings.target == str(study.clip.folder(tmp_path))) == (target == "{clip}")
            assert settings.attacks == (f"diffusion-{box}",)
            if name == TRUE:
                shown = [caption for caption in seen if settings.showing in caption][settings.n - 1]
                assert scene in shown == settings.showing
                assert settings.text == (shown,)
            else:
                assert (settings.showing, settings.n) == (scene, 2)
                assert len(settings.text) == (name != NONE)
                assert name != WORD or settings.text[0] in ("sky", "grassland", "snow")
    for step in (study.clip, study.prior):
        kind, which, *arguments = step.command(tmp_path)
        assert parsed(f"{kind} {which}", arguments, {}).out == step.folder(tmp_path)


def test_what_texts_are_worth_is_told_over_all_backgrounds(tmp_path: Path) -> None:
    study = Text(SMALL, pictures=2)
    assert set(study.tables(tmp_path)) == {"text", "text-gains"}
    worth = {NONE: 0.2, WORD: 0.3, WRONG: 0.1, TRUE: 0.3}
    for (target, box, _, name), steps in study.attacks.items():
        if target == "{clip}" and box == "black":
            continue
        for step in steps:
            count = int(step.arguments[step.arguments.index("--n") + 1])
            run = {"rows": [row("output", [0.0] * (count - 2) + [worth[name]] * min(2, count))]}
            sampled = {"pictures": [{"ssim": 0.15, "psnr": 6.0}] * count}
            finish(step, tmp_path, {**run, "blind": {"recipes": {"sample": sampled}}, "scale": SCALE})
    tables = study.tables(tmp_path)
    (line,) = (line for line in tables["text"].splitlines() if "layer4" in line and "| white | snow |" in line)
    cells = [cell.strip() for cell in line.split("|")[4:-1]]
    told = ["0.200", "0.300", "0.100", "0.300", "0.150"]
    assert all(value in cell for value, cell in zip(told, cells, strict=True))
    claims = {line.split("*")[1]: line.split("*: ")[1] for line in tables["text-gains"].splitlines()}
    assert claims["white box: a word on the background is worth more than no text"].startswith("seen (")
    assert claims["white box: the true caption is worth more than a word on the background"].startswith("not seen (")
    assert claims["white box: the frame with its caption gives more than the caption alone"].startswith("seen (")
    assert claims["black box: a word on the background is worth more than no text"] == "not measured."


def test_generators_of_a_detector_are_told_in_the_papers_order_and_cuts_from_shallow_to_deep(tmp_path: Path) -> None:
    study = DetectorCuts(SMALL)
    assert study.tables(tmp_path)["detection"].count("not measured") == 7 * 3
    base = {"pixels": 0.5, "decoder": 0.6, "diffusion": 0.6}
    for attack, step in study.order.attacks.items():
        generator, _, box = attack.partition("-")
        if attack == "diffusion-black":
            continue
        wobble = WAVE if generator == "diffusion" else (0.0,) * 6
        rows = [
            row(cut, [base[generator] - 0.1 * depth * (box == "white") + each for each in wobble])
            for depth, cut in enumerate(CUTS)
        ]
        finish(step, tmp_path, {"rows": rows})
    tables = study.tables(tmp_path)
    (line,) = (line for line in tables["detection"].splitlines() if line.startswith("| `decoder-white`"))
    assert [cell.strip()[:5] for cell in line.split("|")[2:-1]] == ["DB", "6", "0.600", "0.500", "0.400"]
    claims = {line.split("*")[1]: line.split("*: ")[1] for line in tables["detection-order"].splitlines()}
    assert claims["white box: DB gets more than DO at every cut"].startswith("seen (`layer1` +0.100")
    assert claims["white box: DMB gets more than DB at every cut"].startswith("undecided (")
    assert claims["black box: DMB gets more than DB at every cut"] == "not measured."
    assert claims["white box: DO gets less from deeper cuts"].startswith("seen (`layer1` to `layer2` +0.100")
    assert claims["black box: DO gets less from deeper cuts"].startswith("not seen (")


def test_frames_of_a_video_are_one_unit_and_together_is_compared_with_apart(tmp_path: Path) -> None:
    run = {"videos": ["a", "a", "b", "b", "a", "a"], "rows": [row("layer3", [0.1, 0.3, 0.5, 0.7, 0.2, 0.4])]}
    found = by_video(run)
    assert (found["ssim"], found["psnr"]) == (pytest.approx([0.25, 0.6]), pytest.approx([10.0, 24.0]))

    study = Clips(SMALL)
    videos = [f"video {number}" for number in range(6) for _ in range(FRAMES)]
    for (_, defence, word), step in study.attacks.items():
        together = "clip" in word and "apart" not in word
        base = 0.3 + (0.2 if together and defence == "none" else 0.0)
        wobble = [each * (defence != "none" and together) for each in WAVE for _ in range(FRAMES)]
        finish(step, tmp_path, {"videos": videos, "rows": [row("layer3", [base + each for each in wobble])]})
    tables = study.tables(tmp_path)
    assert set(tables) == {"clips-streetcam", "clips-streetcam-gains"}
    lines = tables["clips-streetcam-gains"].splitlines()
    assert len(lines) == 5 * 2
    (paper,) = (line for line in lines if "Algorithm 2" in line and "through" not in line)
    assert "white box, the paper's term" in paper
    assert "the paper +0.39 and +7.3 dB on clips of its own*: seen (+8.0 dB +0.200 [+0.200, +0.200] SSIM)." in paper
    assert sum("undecided" in line for line in lines if "through `gaussian:scale=0.5`" in line) == 5
    (noisy,) = (line for line in tables["clips-streetcam"].splitlines() if line.startswith("| `decoder-white/clip` "))
    assert "0.500 [0.500, 0.500]; 20.0 dB | 0.300 [" in noisy
