"""Captions: the loss, the two towers, what is held back, what is learned and what a finished target is."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from keyhole.data.caption_facts import CaptionFact
from keyhole.nn import text_tower
from keyhole.nn.text_tower import TextTower
from keyhole.partition import split
from keyhole.service.errors import MissingError, UsageError
from keyhole.targets.load import load_target
from keyhole.targets.membership import TrainedOn
from keyhole.targets.stored_weights import read_card
from keyhole.train.command import train
from keyhole.train.settings import TrainSettings
from keyhole.train.tasks.caption_data import CaptionedPictures
from keyhole.train.tasks.caption_learner import CaptionLearner, contrastive_loss, in_order_of_ends, shortened
from keyhole.train.tasks.zero_shot import ZeroShot

_COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220), "white": (240, 240, 240)}
_FACT = CaptionFact("colour", {name: name for name in _COLOURS})


def test_the_loss_is_clips_where_texts_differ_and_spreads_over_equal_ones() -> None:
    """Against the sums written out in numpy."""
    random = np.random.default_rng(0)
    pictures, texts = (random.normal(size=(4, 5)) for _ in range(2))
    texts[2] = texts[0]
    same = np.eye(4, dtype=bool)
    same[0, 2] = same[2, 0] = True
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (pictures, texts)]
    likeness = 7 * unit[0] @ unit[1].T
    for alike in (np.eye(4, dtype=bool), same):
        total = 0.0
        for table in (likeness, likeness.T):
            for row in range(4):
                rest = np.log(np.exp(table[row]).sum())
                total += np.mean([rest - table[row, column] for column in range(4) if alike[row, column]]) / 4
        found = contrastive_loss(*map(torch.tensor, (pictures, texts)), torch.tensor(7.0), torch.tensor(alike))
        assert float(found) == pytest.approx(total / 2, rel=1e-5)


def test_a_caption_loses_phrases_and_keeps_their_order() -> None:
    caption = "a red van with a roof box by day, seen from the front"
    generator = torch.Generator().manual_seed(0)
    assert shortened(caption, 0.0, generator) == caption
    made = {shortened(caption, 1.0, generator) for _ in range(400)}
    phrases = ("a red van", "with a roof box", "by day", "seen from the front")
    kept = itertools.product((False, True), repeat=4)
    assert made == {" ".join(itertools.compress(phrases, some)) for some in kept if any(some)}
    assert shortened("vans", 1.0, generator) == "vans"


def test_neighbours_end_alike() -> None:
    captions = ["a van in fog by day", "a bus by night", "a bus in rain by day", "a bus in fog by day"]
    assert [captions[place] for place in in_order_of_ends(captions)] == [
        "a bus in fog by day", "a van in fog by day", "a bus in rain by day", "a bus by night",
    ]  # fmt: skip


def test_texts_need_a_package_and_the_error_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match=r"texts need the package transformers.*pip install 'keyhole\[text\]'"):
        TextTower.fresh(["a red van"], width=32, layers=1, embedding=8, length=16)
    with pytest.raises(MissingError, match=r"holds no text tower: expected .*text_encoder"):
        TextTower.load(tmp_path)


class TestTowers:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("transformers")

    def tower(self) -> TextTower:
        torch.manual_seed(0)
        texts = ["a red van on a bridge", "a blue bus in fog, seen from the left side"]
        return TextTower.fresh(texts * 20, width=32, layers=1, embedding=8, length=12)

    def test_an_embedding_is_of_the_end_of_the_text_and_not_of_what_fills_it_up(self) -> None:
        tower = self.tower()
        alone, longer = tower.embed(["a red van"]), tower.embed(["a red van", "a blue bus in fog, seen"])
        assert alone.norm(dim=1) == pytest.approx(1, abs=1e-5)
        assert torch.allclose(alone[0], longer[0], atol=1e-5)
        assert not torch.allclose(longer[0], longer[1], atol=1e-2)
        assert not torch.allclose(tower.embed(["a red bus"]), alone, atol=1e-3)
        with torch.no_grad():
            hidden = tower.model(input_ids=tower.tokens(["a red van"])).last_hidden_state[0, -1]
            expected = torch.nn.functional.normalize(tower.model.text_projection(hidden), dim=0)
        assert torch.allclose(alone[0], expected, atol=1e-5)

    def test_the_same_texts_give_the_same_vocabulary_and_any_word_has_tokens(self) -> None:
        texts = ["A red van's door", "a blue bus in fog"] * 3
        tokenizer = TextTower.fresh(texts, width=32, layers=1, embedding=8, length=12).tokenizer
        numbers = tokenizer.get_vocab()
        assert sorted(numbers.values()) == list(range(len(numbers)))
        made = sorted(token for token, number in numbers.items() if number >= 2 + 2 * 256)
        assert made == [
            "'s</w>", "an</w>", "bl", "blu", "blue</w>", "bu", "bus</w>", "do", "doo", "door</w>", "ed</w>", "fo",
            "fog</w>", "in</w>", "red</w>", "van</w>",
        ]  # fmt: skip
        assert (
            tokenizer.decode(tokenizer("A zebra é bus").input_ids, skip_special_tokens=True).strip() == "a zebra é bus"
        )
        assert tokenizer.unk_token_id not in tokenizer("zebra é").input_ids[1:-1]

    def test_long_texts_are_cut_off(self) -> None:
        tower = self.tower()
        assert tower.tokens(["a red van " * 20]).shape == (1, 12)

    def test_it_is_stored_with_its_tokenizer(self, tmp_path: Path) -> None:
        tower, texts = self.tower(), ["a red van", "a blue bus in fog"]
        assert list(tower.save(tmp_path)) == ["text_encoder", "tokenizer"]
        assert torch.equal(TextTower.load(tmp_path).embed(texts), tower.embed(texts))
        assert (tmp_path / "tokenizer" / "tokenizer.json").is_file()
        (tmp_path / "text_encoder" / "config.json").write_text("{")
        with pytest.raises(UsageError, match="cannot read the text tower"):
            text_tower.TextTower.load(tmp_path)

    def test_zero_shot_answers_stand_beside_a_probe_and_guessing(self) -> None:
        """A picture tower that gives the text's embedding is always right; one that gives noise is not."""
        tower = self.tower()
        captions = tuple(f"a {colour} van" for colour in ("red", "green", "blue", "white", "red") for _ in range(8))
        shades = torch.tensor([list(_COLOURS).index(caption.split()[1]) for caption in captions])
        pictures = CaptionedPictures(shades.to(torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4), captions)
        zero_shot = ZeroShot(((_FACT, tuple(dict.fromkeys(captions))),))
        texts = tower.embed([f"a {colour} van" for colour in _COLOURS])

        class Told(torch.nn.Linear):
            def forward(self, inputs: torch.Tensor) -> torch.Tensor:
                return texts[(inputs.mean((1, 2, 3)) * 255).round().long()]

        class Plain:
            def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
                return pictures

        learner = CaptionLearner(Told(1, 1), tower)
        assert zero_shot.accuracy(learner, pictures, Plain()) == {"colour": 100.0, "caption": 100.0}  # type: ignore[arg-type]
        beside = zero_shot.beside(learner, pictures, pictures, Plain())  # type: ignore[arg-type]
        assert beside == {"caption_chance": 25.0, "colour_chance": 40.0, "colour_probe": 100.0}
        learner.pictures = Told(1, 1)
        texts = texts.flip(0)
        assert zero_shot.accuracy(learner, pictures, Plain())["colour"] < 20  # type: ignore[arg-type]

    def test_it_learns_what_captions_say(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", ["keyhole", "train", "target"])
        rows, random = ["file_name,text"], np.random.default_rng(0)
        for number in range(120):
            name = list(_COLOURS)[number % 4]
            grain = random.integers(-20, 20, (16, 16, 3))
            picture = (np.array(_COLOURS[name]) + grain).clip(0, 255).astype(np.uint8)
            path = tmp_path / "set" / "public" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
            rows.append(f"public/{number}.png,a {name} van")
        (tmp_path / "set" / "captions.csv").write_text("\n".join(rows))
        out = tmp_path / "out"
        settings = TrainSettings(
            data=str(tmp_path / "set"), out=out, task="captions", architecture="narrow:resnet18-8", size=16,
            stages=("16:16",), batch=16, learning_rate=5e-3, workers=0,
        )  # fmt: skip
        assert train(settings) == 0
        card = read_card(out)
        assert (card.task, card.embedding, card.labels) == ("captions", 128, ())
        assert card.figures["caption_chance"] == 25.0
        assert card.figures["caption"] > 90
        assert (card.figures["pictures"], card.figures["selection_pictures"]) == (17, 7)
        assert not TrainedOn.read(out).keys
        target, tower = load_target(str(out)), TextTower.load(out)
        texts = tower.embed([f"a {name} van" for name in _COLOURS])
        shades = torch.tensor(list(_COLOURS.values()))[:, :, None, None].expand(-1, -1, 16, 16) / 255
        with torch.no_grad():
            answers = target.model(target.preprocess(shades))
        assert (answers @ texts.T).argmax(1).tolist() == [0, 1, 2, 3]
        parts = split(target, "output")
        with torch.no_grad():
            inputs = target.preprocess(shades)
            assert torch.equal(parts.head(inputs), answers)
            assert torch.equal(parts.tail(parts.head(inputs)), answers)
        assert json.loads((out / "card.json").read_text())["recipe"]["flip"] == 0.0

    def test_pictures_without_captions_are_refused(self, tmp_path: Path) -> None:
        for number in range(8):
            Image.new("RGB", (16, 16), (number, 0, 0)).save(tmp_path / f"{number}.png")
        settings = TrainSettings(
            data=str(tmp_path), out=tmp_path / "out", task="captions", part="all", size=16,
            architecture="narrow:resnet18-8", held_out=4,
        )  # fmt: skip
        with pytest.raises(UsageError, match="4 of 4 pictures have no caption, which this training takes"):
            train(settings)
