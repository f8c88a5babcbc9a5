"""Models of one's own, as a user would write them."""

import torch
from torch import nn

from keyhole.targets import Preprocess, Target


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 7))


def target() -> Target:
    return Target(
        name="mine",
        model=network().train(),
        preprocess=Preprocess(40, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        labels=tuple("abcdefg"),
        outputs=7,
        licence="MIT",
        weights="trained at home",
    )


def compiled() -> nn.Module:
    return torch.compile(network())  # type: ignore[return-value]


def number() -> int:
    return 3


def pixels() -> nn.Module:
    return nn.Upsample(scale_factor=2)


class Silent(nn.Module):
    def forward(self, x: torch.Tensor) -> str:
        return str(x.shape)


def silent() -> nn.Module:
    return Silent()


class Grey(nn.Module):
    """Takes grey pictures, and answers with a structure."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 4, 3, stride=8), nn.Linear(4, 7)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor | tuple[torch.Tensor, ...]]:
        y = self.stem(x)
        return {"logits": self.head(y.mean((2, 3))), "maps": (y, y.argmax(1))}


def grey() -> nn.Module:
    return Grey()


def half() -> nn.Module:
    return network().half()


def double() -> nn.Module:
    return network().double()


def bfloat16_grey() -> nn.Module:
    return grey().bfloat16()


def broken() -> nn.Module:
    return nn.Linear(5, 5, dtype=torch.float32)


def with_argument(classes: int) -> nn.Module:
    return nn.Linear(3, classes)


class Remembers(nn.Module):
    """Keeps what it computed from its weights while it is in eval mode, as TinyViT does with attention biases."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(3))
        self._kept: torch.Tensor | None = None

    def train(self, mode: bool = True) -> "Remembers":
        self._kept = None
        return super().train(mode)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training or self._kept is None:
            self._kept = 2 * self.weight
        return x.mean((2, 3)) * self._kept


def remembering() -> nn.Module:
    return nn.Sequential(Remembers(), nn.Linear(3, 7))
