"""CLIP's picture towers as targets, with random weights: by the names of timm, open_clip and transformers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from keyhole.partition import split
from keyhole.partition.cut_points import points
from keyhole.targets.clip import MEAN, STD
from keyhole.targets.load import load_target
from keyhole.targets.target import Target, TargetError


def cut_anywhere(target: Target, cuts: tuple[str, ...]) -> None:
    """Head and tail equal the model at each cut; what crosses ``output`` is the embedding."""
    size = target.preprocess.size
    inputs = target.preprocess(torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        whole = target.model(inputs)
        assert whole.shape == (2, target.outputs)
        for cut in (*cuts, "output"):
            parts = split(target, cut)
            assert torch.equal(parts.tail(parts.head(inputs)), whole)
        assert torch.equal(parts.head(inputs), whole)
    assert set(cuts) <= {point.cut for point in points(target)}


def test_a_picture_tower_of_timm() -> None:
    target = load_target("timm:vit_xsmall_patch16_clip_224", size=32)
    assert target.preprocess.mean == pytest.approx(MEAN, abs=1e-6)
    assert target.preprocess.std == pytest.approx(STD, abs=1e-6)
    cut_anywhere(target, ("blocks.3",))


def test_a_picture_tower_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=16,
        projection_dim=8,
    )  # fmt: skip
    config.save_pretrained(tmp_path)
    target = load_target(f"transformers:{tmp_path}")
    assert target.weights.startswith("random")
    assert (target.outputs, target.preprocess.size, target.preprocess.mean) == (8, 32, MEAN)
    cut_anywhere(target, ("vision_model.encoder.layers.0",))
    model = transformers.CLIPVisionModelWithProjection(config).eval()
    model.save_pretrained(tmp_path)
    transformers.CLIPImageProcessor(image_mean=[0.1, 0.2, 0.3], image_std=[0.5, 0.6, 0.7]).save_pretrained(tmp_path)
    stored = load_target(f"transformers:{tmp_path}")
    assert (stored.preprocess.mean, stored.preprocess.std) == ((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    inputs = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(stored.model(inputs), model(pixel_values=inputs).image_embeds)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{")
    with pytest.raises(TargetError, match="no CLIP model transformers:"):
        load_target(f"transformers:{tmp_path / 'empty'}")


def test_a_picture_tower_of_open_clip(tmp_path: Path) -> None:
    open_clip = pytest.importorskip("open_clip")
    (tmp_path / "keyhole-test.json").write_text(
        '{"embed_dim": 8, "vision_cfg": '
        '{"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},'
        ' "text_cfg": {"context_length": 8, "vocab_size": 100, "width": 32, "heads": 2, "layers": 1}}'
    )
    open_clip.add_model_config(tmp_path / "keyhole-test.json")
    target = load_target("open_clip:keyhole-test")
    assert (target.outputs, target.preprocess.size, target.preprocess.mean) == (8, 32, MEAN)
    cut_anywhere(target, ("transformer.resblocks.0",))
    with pytest.raises(TargetError, match="open_clip has no weights 'nobody' of keyhole-test, only none"):
        load_target("open_clip:keyhole-test/nobody")
    with pytest.raises(TargetError, match="no pretrained weights of keyhole-test"):
        load_target("open_clip:keyhole-test", "pretrained")
    with pytest.raises(TargetError, match="unknown target 'open_clip:keyhole-tset'"):
        load_target("open_clip:keyhole-tset")


@pytest.mark.parametrize(("package", "name"), [("open_clip", "ViT-B-32"), ("transformers", "openai/clip")])
def test_what_is_not_installed_is_said(package: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(TargetError, match=rf"need the package {package}, .* not installed .*pip install {package}"):
        load_target(f"{package}:{name}")


class Tower(nn.Module):
    """CLIP's picture tower as a factory of one's own gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.projection = nn.Conv2d(3, 8, 16, 16), nn.Linear(8, 4)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.projection(self.patches(pictures).flatten(2).mean(2))  # type: ignore[no-any-return]


def factory() -> Target:
    from keyhole.targets.target import Preprocess

    return Target("mine", Tower(), Preprocess(32, MEAN, STD), (), 4, "MIT", "mine")


def test_a_factory_gives_its_own_mean_and_deviation() -> None:
    target = load_target("tests.targets.test_clip:factory")
    assert (target.preprocess.mean, target.preprocess.std) == (MEAN, STD)
    cut_anywhere(target, ("patches",))
