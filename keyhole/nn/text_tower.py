"""A text tower: transformers' CLIP text model with a tokenizer of its own, which is saved with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from keyhole.nn.byte_pairs import END, frequent_pairs
from keyhole.nn.tensor_file import write_tensors
from keyhole.service.errors import MissingError, UsageError

MODEL, TOKENIZER = "text_encoder", "tokenizer"
"""Folders of a text tower's two halves, named as in diffusers' directories."""
_WEIGHTS = "model.safetensors"
_VOCABULARY = 1000
_HEAD = 32


class TextTower(nn.Module):
    """Texts to embeddings, as CLIP has them (Radford et al. 2021, §2.4): the token that ends a text, projected.

    Args:
        model: a ``CLIPTextModelWithProjection`` of transformers.
        tokenizer: its ``CLIPTokenizer``.
    """

    def __init__(self, model: nn.Module, tokenizer: Any) -> None:
        super().__init__()
        self.model, self.tokenizer = model, tokenizer

    @classmethod
    def fresh(
        cls,
        texts: Iterable[str],
        *,
        width: int,
        layers: int,
        embedding: int,
        length: int,
        vocabulary: int = _VOCABULARY,
    ) -> Self:
        """A tower with random weights and a tokenizer of the byte pairs that are frequent in ``texts``.

        Args:
            texts: that the vocabulary is made of.
            width: length of a token's vector, a multiple of 32.
            layers: of the transformer.
            embedding: length of an embedding.
            length: most tokens of a text, the two around it included; longer ones are cut off.
            vocabulary: most tokens.

        Raises:
            UsageError: transformers is not installed.
        """
        library = transformers()
        tokenizer = _tokenizer(library, texts, vocabulary)
        tokenizer.model_max_length = length
        config = library.CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=layers,
            num_attention_heads=max(1, width // _HEAD),
            projection_dim=embedding,
            max_position_embeddings=length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        return cls(library.CLIPTextModelWithProjection(config), tokenizer)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The tower in ``folder/text_encoder`` and ``folder/tokenizer``, in float32.

        Raises:
            MissingError: it is not there.
            UsageError: transformers is not installed, or cannot read it.
        """
        for part in (MODEL, TOKENIZER):
            if not (folder / part).is_dir():
                raise MissingError(f"{folder} holds no text tower: expected {folder / part}")
        library = transformers()
        try:
            model = library.CLIPTextModelWithProjection.from_pretrained(folder / MODEL, dtype=torch.float32)
            tokenizer = library.CLIPTokenizer.from_pretrained(folder / TOKENIZER)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise UsageError(f"cannot read the text tower in {folder}: {error}") from error
        return cls(model.eval(), tokenizer)

    def save(self, folder: Path) -> Sequence[str]:
        """Write model (fp16) and tokenizer into ``folder``; afterwards the tower has the numbers that are stored.

        Returns:
            The names of the two folders.
        """
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(parameter.half().float())
        (folder / MODEL).mkdir(parents=True, exist_ok=True)
        stored = {name: tensor.half() for name, tensor in self.model.state_dict().items()}
        write_tensors(stored, folder / MODEL / _WEIGHTS, {"format": "pt"})
        config: Any = self.model.config
        config.architectures = [type(self.model).__name__]
        config.save_pretrained(folder / MODEL)
        self.tokenizer.save_pretrained(folder / TOKENIZER)
        return MODEL, TOKENIZER

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """Token numbers N×L, L that of the longest text; shorter ones are filled up behind their end."""
        made: Tensor = self.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")["input_ids"]
        return made

    def forward(self, tokens: Tensor) -> Tensor:
        """Embeddings N×D of tokens N×L; of any length, not unit vectors."""
        return self.model(input_ids=tokens).text_embeds  # type: ignore[no-any-return]

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """Unit embeddings N×D of texts; the tower is put in eval mode."""
        self.eval()
        device = next(self.parameters()).device
        parts = [self(self.tokens(texts[first : first + 256]).to(device)) for first in range(0, len(texts), 256)]
        return nn.functional.normalize(torch.cat(parts).float())


def _tokenizer(library: Any, texts: Iterable[str], vocabulary: int) -> Any:
    """CLIP's tokenizer with a vocabulary of the texts: the same texts give the same numbers."""
    plain = library.CLIPTokenizer()
    split, normal = plain.backend_tokenizer.pre_tokenizer, plain.backend_tokenizer.normalizer
    words = [word for text in texts for word, _ in split.pre_tokenize_str(normal.normalize_str(text))]
    alphabet = sorted(_byte_letters())
    tokens = [plain.bos_token, plain.eos_token, *alphabet, *(letter + END for letter in alphabet)]
    pairs = frequent_pairs(words, vocabulary - len(tokens))
    tokens = list(dict.fromkeys([*tokens, *map("".join, pairs)]))
    return library.CLIPTokenizer(vocab={token: number for number, token in enumerate(tokens)}, merges=pairs)


def _byte_letters() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel  # noqa: PLC0415  (comes with transformers, which is optional)

    return list(ByteLevel.alphabet())


def transformers() -> Any:
    """The package transformers, of which only CLIP's text model and tokenizer are used; its progress bars are off.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import transformers as library  # noqa: PLC0415  (takes seconds, and is optional)
    except ImportError as error:
        raise UsageError(
            f"texts need the package transformers, which is not installed ({error}): pip install 'keyhole[text]', or "
            "pip install '.[text]' in Keyhole's folder"
        ) from error
    library.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return library
