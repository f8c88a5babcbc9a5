"""What targets answer with, and who needs classes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from keyhole.service.errors import UsageError
from keyhole.targets import Preprocess, Target, load_target
from keyhole.targets.answers import answer_kind, check_classifies
from tests.bench.targets import detector, embedder, looker
from tests.targets.clip_making import clip


class Pair(nn.Module):
    """Answers with two numbers of a picture."""

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        return pictures.mean((1, 2, 3)), pictures.std((1, 2, 3))


def test_each_answer_is_told_from_others(tmp_path: Path) -> None:
    pair = Target("pair", Pair(), Preprocess(16), (), 0, "MIT", "none")
    tower = load_target(clip(tmp_path / "clip", texts=False))
    kinds = [answer_kind(each) for each in (looker(), embedder(), detector(), tower, pair)]
    assert kinds == ["classes", "identities", "boxes", "texts", "other"]
    assert answer_kind(load_target("resnet18", size=32)) == "classes"


def test_classes_are_asked_of_classifiers_that_name_them(tmp_path: Path) -> None:
    check_classifies(looker(), "this")
    nameless = Target("nameless", looker().model, Preprocess(16), (), 3, "MIT", "none")
    tower = load_target(clip(tmp_path / "clip", texts=False))
    for target, message in (
        (nameless, "nameless does not say which classes it tells apart: this needs a classifier"),
        (embedder(), "answers with an embedding by which identities .* and does not say which classes"),
        (detector(), "detector answers with boxes: this needs a classifier"),
        (tower, "answers with an embedding that pictures share with texts"),
    ):
        with pytest.raises(UsageError, match=message):
            check_classifies(target, "this")


def test_transformers_and_open_clip_towers_share_their_embedding_with_texts(tmp_path: Path) -> None:
    library = pytest.importorskip("transformers")
    config = library.CLIPVisionConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=16,
        projection_dim=8,
    )  # fmt: skip
    config.save_pretrained(tmp_path)
    target = load_target(f"transformers:{tmp_path}")
    assert answer_kind(target) == "texts"
    assert torch.equal(target.model(torch.zeros(1, 3, 32, 32)), target.model(torch.zeros(1, 3, 32, 32)))
