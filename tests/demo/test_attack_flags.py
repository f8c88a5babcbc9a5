"""Texts and clips of demo and live, as the adversary gets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from adversary.preparation import chosen_attacks
from keyhole.cli import parsed
from keyhole.demo.settings import LiveSettings
from keyhole.demo.system import System
from keyhole.service.launcher import Launcher


@pytest.mark.parametrize("texts", [(), ("a red van",), ("a red van on a snow field", "a blue bus")])
def test_the_adversary_is_told_the_texts_and_gathers_the_clips(texts: tuple[str, ...], tmp_path: Path) -> None:
    asked = LiveSettings(attacks=("diffusion-white/clip", "diffusion-black"), text=texts, clip=4, stride=0.5)
    told = parsed("adversary", System(asked, 0, Launcher(tmp_path)).arguments("adversary"), {})
    assert (told.text, told.clip, told.stride) == (texts, 4, 0.5)
    chosen, _ = chosen_attacks(told)
    assert [choice.spelled for choice in chosen] == ["diffusion-white/clip", "diffusion-black/strong"]
