"""`keyhole export`: files of heads and tails answer as Keyhole does, in processes without it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from keyhole.cli import dispatch
from keyhole.export import formats, proof
from keyhole.export.half import Half
from keyhole.partition import partitioned
from keyhole.targets import ModelSettings

MODEL = "tests.export.models:residual"
SMALL = ("--target", MODEL, "--size", "32x64")


def exported(folder: Path, *flags: str) -> dict[str, Path]:
    """Files by what their names end with: ``head.pt2``."""
    assert dispatch(["export", *flags, "--out", str(folder)], {}) == 0
    return {path.name.rpartition("-")[2]: path for path in folder.iterdir()}


def facts_of(path: Path) -> dict[str, Any]:
    if path.suffix == ".onnx":
        return json.loads(onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map["keyhole.json"])
    held = {"keyhole.json": ""}
    torch.export.load(path, extra_files=held)
    return json.loads(held["keyhole.json"])


def test_both_halves_where_two_tensors_are_live(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = "inner"
    files = exported(tmp_path, *SMALL, "--cut", cut, "--parts", "head", "tail")
    assert set(files) == {"head.pt2", "head.onnx", "tail.pt2", "tail.onnx"}
    printed = capsys.readouterr().out
    assert printed.count("without Keyhole equal") == 4
    assert "pictures N×3×32×64 to features_0 N×8×16×32, features_1 N×8×16×32" in printed

    target, parts = partitioned(ModelSettings(MODEL, cut=cut, size=(32, 64)))
    pictures = torch.rand(5, 3, 32, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features = parts.head(pictures)
        answer = parts.tail(features)
        program = torch.export.load(files["head.pt2"]).module()
        assert all(torch.equal(left, right) for left, right in zip(program(pictures), features, strict=True))
        assert torch.equal(torch.export.load(files["tail.pt2"]).module()(features), answer)
    head = onnxruntime.InferenceSession(files["head.onnx"])
    assert [port.shape for port in head.get_inputs()] == [["batch", 3, 32, 64]]
    found = head.run(None, {"pictures": pictures.numpy()})
    assert all(np.allclose(left, right, atol=1e-5) for left, right in zip(found, features, strict=True))
    tail = onnxruntime.InferenceSession(files["tail.onnx"])
    names = {f"features_{place}": tensor.numpy() for place, tensor in enumerate(features)}
    assert np.allclose(tail.run(None, names)[0], answer, atol=1e-5)

    for name, path in files.items():
        facts = facts_of(path)
        assert (facts["part"], facts["cut"], facts["model_hash"]) == (name.partition(".")[0], cut, target.hash)
        crossing = facts["outputs" if facts["part"] == "head" else "inputs"]
        assert [each["stands_for"] for each in crossing] == [tensor.name for tensor in parts.plan.tensors]
        assert [each["shape"] for each in crossing] == [["batch", 8, 16, 32]] * 2


def test_a_shipped_pruned_head(tmp_path: Path) -> None:
    flags = ("--target", "resnet18-streetcam-patrol-small", "--cut", "layer1")
    files = exported(tmp_path, *flags)
    target, parts = partitioned(ModelSettings("resnet18-streetcam-patrol-small", cut="layer1"))
    told = facts_of(files["head.pt2"])
    assert told == facts_of(files["head.onnx"])
    preprocess = told["preprocess"]
    height, width = preprocess["size"]
    colour, down, right = np.ogrid[:3, :height, :width]
    picture = ((right + 2 * down + 85 * colour) % 256).astype("float32")[None] / 255
    mean, std = (torch.tensor(preprocess[name]).view(3, 1, 1) for name in ("mean", "std"))
    inputs = (torch.from_numpy(picture) - mean) / std
    assert torch.equal(inputs, target.preprocess.normalise(torch.from_numpy(picture)))
    with torch.no_grad():
        features = parts.head(inputs).contiguous()
    assert told["defence"] == "patrol"
    assert told["check"]["features"]["sha256"] == hashlib.sha256(features.numpy().tobytes()).hexdigest()
    with torch.no_grad():
        assert torch.equal(torch.export.load(files["head.pt2"]).module()(inputs), features)
    (found,) = onnxruntime.InferenceSession(files["head.onnx"]).run(None, {"pictures": inputs.numpy()})
    assert np.abs(found - features.numpy()).max() <= 1e-4 * np.abs(features.numpy()).max()
    assert not any(str(Path(__file__).parents[2]).encode() in path.read_bytes() for path in files.values())


def test_a_detector_has_its_head_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["export", "--target", "yolo-streetcam", "--cut", "maxpool", "--formats", "pt2"]
    assert dispatch([*flags, "--out", str(tmp_path)], {}) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["yolo-streetcam-maxpool-head.pt2"]
    capsys.readouterr()
    assert dispatch([*flags, "--parts", "tail", "--out", str(tmp_path)], {}) == 2
    said = capsys.readouterr().err
    assert "0.boxes" in said
    assert "--parts head" in said


def test_a_picture_tower_of_clip(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    transformers.CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=16,
        projection_dim=8,
    ).save_pretrained(tmp_path / "clip")  # fmt: skip
    cut = "vision_model.encoder.layers.0"
    flags = ("--target", f"transformers:{tmp_path / 'clip'}", "--cut", cut, "--parts", "tail", "--formats", "pt2")
    assert list(exported(tmp_path / "out", *flags)) == ["tail.pt2"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--cut", "layer9"), "no point 'layer9' to cut at"),
        (("--cut", "input"), "nothing runs in the head"),
        (("--cut", "output", "--parts", "tail"), "nothing runs in the tail"),
        (("--head-only", "--parts", "tail"), "head alone, with --head-only"),
    ],
)
def test_what_cannot_be_exported_says_why(
    flags: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(["export", *SMALL, *flags, "--out", str(tmp_path / "out")], {}) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_there_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["export", *SMALL, "--cut", "stem", "--formats", "pt2", "--out", str(tmp_path)]
    path = tmp_path / "tests.export.models-residual-stem-head.pt2"
    path.write_text("mine")
    assert dispatch(flags, {}) == 2
    assert "--force replaces it" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert dispatch([*flags, "--force"], {}) == 0
    assert facts_of(path)["cut"] == "stem"


def test_packages_that_are_missing_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "onnxscript" else name)
    assert dispatch(["export", *SMALL, "--cut", "stem", "--out", str(tmp_path)], {}) == 2
    said = capsys.readouterr().err
    assert "needs onnxscript, which is not installed" in said
    assert "--formats pt2" in said


def test_a_file_that_answers_otherwise_is_not_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = proof.compare

    def of_another_model(file: Path, name: Any, half: Half) -> proof.Likeness:
        with torch.no_grad():
            next(half.module.parameters()).mul_(1.01)  # the file was written before
        return compare(file, name, half)

    monkeypatch.setattr("keyhole.export.command.compare", of_another_model)
    flags = ["export", *SMALL, "--cut", "stem", "--formats", "pt2", "--out", str(tmp_path)]
    assert dispatch(flags, {}) == 2
    assert "answers otherwise when it is read again" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["pt2", "onnx"])
def test_who_reads_a_file_again_cannot_import_keyhole(name: str, tmp_path: Path) -> None:
    script = Path(proof.__file__).with_name(f"alone_{name}.py").read_text()
    before = script.partition("import numpy")[0]
    (tmp_path / "script.py").write_text(f"{before}\nimport keyhole\n")
    ended = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False)
    assert "import of keyhole halted" in ended.stderr
