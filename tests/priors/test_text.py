"""Priors that are told a text: the embedding, what is refused, and that it reaches every step of attacks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from keyhole.attacks.base import Budget, Observation, RunSettings, WhiteBox
from keyhole.attacks.blind import prior_sample
from keyhole.attacks.blind_knowledge import Blind
from keyhole.attacks.features.gaussianity import TextPrior
from keyhole.attacks.registry import ATTACKS
from keyhole.generators.diffusion import Diffusion
from keyhole.nn.text_tower import TextTower
from keyhole.priors.prior import load_prior, prior_hash
from keyhole.priors.text import TextEncoder
from keyhole.service.errors import UsageError
from tests.priors.tiny_priors import stable, tiny

_TEXTS = ["a red van on a snow field", "a blue bus in fog"]


def test_a_prior_without_a_text_encoder_or_of_no_text_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(UsageError, match="has no text_encoder/, which a text goes through"):
        _ = load_prior(str(stable(tmp_path / "stable")), text="a red van").denoiser
    with pytest.raises(UsageError, match="takes no text: expected one whose U-Net is conditional"):
        _ = load_prior(str(tiny(tmp_path / "tiny")), text="a red van").denoiser
    with pytest.raises(UsageError, match="a prior of one's own tells its Denoiser itself"):
        load_prior("tests.priors.test_own_priors:Thumbnails", text="a red van")
    tower(tmp_path / "stable", width=32)
    with pytest.raises(UsageError, match="gives 32 numbers a token, and its U-Net takes 8"):
        _ = load_prior(str(tmp_path / "stable"), text="a red van").denoiser


def tower(folder: Path, width: int = 8) -> TextTower:
    torch.manual_seed(0)
    made = TextTower.fresh(_TEXTS * 20, width=width, layers=1, embedding=4, length=12)
    made.save(folder)
    return made


class TestTold:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        pytest.importorskip("transformers")
        folder = stable(tmp_path / "prior")
        tower(folder)
        return folder

    def test_the_embedding_is_the_last_hidden_state_filled_up(self, folder: Path) -> None:
        found, model = TextEncoder.load(folder)(["a red van"]), TextTower.load(folder)
        assert found.shape == (1, 12, 8)
        tokens = model.tokens(["a red van"])
        with torch.no_grad():
            expected = model.model(input_ids=tokens).last_hidden_state
        assert torch.allclose(found[:, : tokens.shape[1]], expected, atol=1e-5)

    def test_runs_with_another_text_encoder_are_told_apart(self, folder: Path) -> None:
        before = [prior_hash(str(folder), told=told) for told in (False, True)]
        config = folder / "text_encoder" / "config.json"
        config.write_text(config.read_text() + "\n")
        after = [prior_hash(str(folder), told=told) for told in (False, True)]
        assert after[0] == before[0] != before[1] != after[1]

    def test_it_reaches_every_step_and_a_call_of_another_text_counts_first(self, folder: Path) -> None:
        told, plain = (load_prior(str(folder), text=text) for text in (_TEXTS[0], None))
        embedding = TextEncoder.load(folder)([_TEXTS[0]])
        latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            heard = told.denoiser.predict_noise(latents, 500)
            assert torch.equal(heard, plain.denoiser.predict_noise(latents, 500, embedding.expand(2, -1, -1)))
            assert not torch.allclose(heard, plain.denoiser.predict_noise(latents, 500))
            silent = told.denoiser.predict_noise(latents, 500, told.denoiser.no_text(2))
            assert torch.equal(silent, plain.denoiser.predict_noise(latents, 500))
        seen: list[torch.Tensor] = []
        told.denoiser.network.register_forward_pre_hook(
            lambda _module, _args, kwargs: seen.append(kwargs["encoder_hidden_states"]), with_kwargs=True
        )
        with torch.no_grad():
            Diffusion(told, 16, steps=3)(latents[:1])
        assert len(seen) == 3
        assert all(torch.equal(each, embedding) for each in seen)

    def test_white_boxes_hold_the_noise_near_a_gaussian_where_there_is_a_text(self, folder: Path) -> None:
        torch.manual_seed(0)
        head, picture = nn.Conv2d(3, 4, 3, stride=2), torch.rand(1, 3, 16, 16)
        frames = [Observation("one", (head(picture).detach(),))]
        run, made = RunSettings(Budget(2), sampling_steps=2), {}
        for text in (None, *_TEXTS):
            known = WhiteBox(head, lambda pictures: pictures, 16, lambda text=text: load_prior(str(folder), text=text))
            for name in ("noise", "paper"):
                attack = ATTACKS["diffusion-white"].recipes[name].make(known, run)
                assert isinstance(attack.regulariser, TextPrior) is (text is not None)
                made[name, text] = list(attack.reconstruct(frames))[-1].pictures
        assert not torch.allclose(made["noise", None], made["noise", _TEXTS[0]])
        assert not torch.allclose(made["noise", _TEXTS[0]], made["noise", _TEXTS[1]])

    def test_the_blind_attacker_samples_what_the_text_says(self, folder: Path) -> None:
        made = []
        for text in (None, *_TEXTS):
            known = Blind(lambda: iter(()), 16, lambda text=text: load_prior(str(folder), text=text))
            made.append(prior_sample(known, RunSettings(Budget(1))))
        assert not torch.allclose(made[0], made[1])
        assert not torch.allclose(made[1], made[2])
