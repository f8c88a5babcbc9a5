"""A small CLIP as a training leaves it: a folder with card, weights, text tower and tokenizer."""

from __future__ import annotations

from pathlib import Path

import torch

from keyhole.data.caption_facts import FACTS
from keyhole.nn.text_tower import TextTower
from keyhole.service.files import checksum
from keyhole.targets.architectures import architecture
from keyhole.targets.stored_weights import CARD, WEIGHTS, Card, save_quantised, write_card

EMBEDDING, SIDE, ARCHITECTURE = 16, 32, "narrow:resnet18-8"


def clip(folder: Path, *, texts: bool = True) -> str:
    """The folder, which is a target's name; without ``texts`` the picture tower alone."""
    folder.mkdir(parents=True)
    entry = architecture(ARCHITECTURE)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = entry.family.build(entry.name, size=SIDE, outputs=EMBEDDING, pretrained=False)
        if texts:
            phrases = [phrase for fact in FACTS["streetcam"] for phrase in fact.phrases.values()]
            TextTower.fresh(phrases, width=32, layers=1, embedding=EMBEDDING, length=32).save(folder)
    save_quantised(model.state_dict(), folder / WEIGHTS)
    card = Card(
        name="clip",
        architecture=ARCHITECTURE,
        data="streetcam",
        licence="Apache-2.0",
        recipe={},
        seed=0,
        figures={},
        command="",
        size=SIDE,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        labels=(),
        sha256=checksum(folder / WEIGHTS),
        task="captions",
        embedding=EMBEDDING,
    )
    write_card(card, folder)
    assert (folder / CARD).is_file()
    return str(folder)
