"""The text encoder of a prior: what a sampler is told besides noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from keyhole.nn.device import CPU
from keyhole.nn.text_tower import MODEL, TOKENIZER, transformers
from keyhole.priors.denoiser import Denoiser
from keyhole.service.errors import UsageError

_KINDS = ("CLIPTextModelWithProjection", "CLIPTextModel")


def told(denoiser: Denoiser, folder: Path, text: str, device: torch.device = CPU) -> Denoiser:
    """A U-Net that is told a text at every step, by the encoder that it was trained with.

    Args:
        denoiser: of the prior.
        folder: of the prior, a diffusers directory with ``text_encoder/`` and ``tokenizer/``.
        text: a prompt, in the words of the captions that the prior was trained on.
        device: where it computes.

    Raises:
        UsageError: the U-Net takes no text, the encoder is not there, cannot be read or is of another width, or
            transformers is not installed.
    """
    if denoiser.width is None:
        raise UsageError(f"--text {text!r}: the prior {folder} takes no text: expected one whose U-Net is conditional")
    try:
        encoder = TextEncoder.load(folder)
        embedding = encoder([text])
    except UsageError as error:
        raise UsageError(f"--text {text!r}: {error}") from error
    if embedding.shape[-1] != denoiser.width:
        raise UsageError(
            f"--text {text!r}: the text encoder of {folder} gives {embedding.shape[-1]} numbers a token, and its U-Net "
            f"takes {denoiser.width}"
        )
    return replace(denoiser, told=embedding.to(device), encode=encoder)


@dataclass(frozen=True)
class TextEncoder:
    """E of §4.1 (feature-inversion paper), as Stable Diffusion has it: the last hidden state of a CLIP text model.

    Attributes:
        model: a ``CLIPTextModel`` of transformers, with or without a projection.
        tokenizer: its own.
    """

    model: nn.Module
    tokenizer: Any

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The encoder in ``folder/text_encoder`` and ``folder/tokenizer``, in float32.

        Raises:
            UsageError: it is not there or cannot be read, or transformers is not installed.
        """
        for part in (MODEL, TOKENIZER):
            if not (folder / part).is_dir():
                raise UsageError(f"{folder} has no {part}/, which a text goes through")
        library = transformers()
        try:
            tokenizer = library.CLIPTokenizer.from_pretrained(folder / TOKENIZER)
            written = library.CLIPTextConfig.from_pretrained(folder / MODEL).architectures or ()
            kind = next((name for name in _KINDS if name in written), _KINDS[-1])
            model = getattr(library, kind).from_pretrained(folder / MODEL, dtype=torch.float32)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise UsageError(f"cannot read the text encoder of {folder}: {error}") from error
        return cls(model.eval().requires_grad_(False), tokenizer)

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> Tensor:
        """e = E(t), N×tokens×width; texts are filled up to the tokenizer's length, and cut off there."""
        tokens = self.tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt")["input_ids"]
        return self.model(input_ids=tokens).last_hidden_state  # type: ignore[no-any-return]
