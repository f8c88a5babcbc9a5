"""Narrow ResNets and VGGs for small pictures: fewer channels, the modules' names as in torchvision."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock
from torchvision.models.vgg import cfgs, make_layers

_FULL = 64
"""Channels of the first stage in torchvision."""
WIDTHS = (8, 12, 16, 24, 32)
_BLOCKS: Mapping[str, Sequence[int]] = MappingProxyType({"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)})
_VGG: Mapping[str, str] = MappingProxyType({"vgg11": "A", "vgg13": "B", "vgg16": "D"})


class NarrowResNet(nn.Module):
    """ResNet-18 or -34 (He et al. 2016) with ``width`` channels in ``layer1``, twice as many in each that follows.

    Of small pictures torchvision's stem leaves little: here it is one 3×3 convolution of stride 2 without pooling, so
    that ``layer1`` sees half the picture's side.

    Args:
        blocks: in each of the four layers.
        width: channels of ``layer1``.
        outputs: number of classes.
    """

    def __init__(self, blocks: Sequence[int], width: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _layer(width, width, blocks[0])
        self.layer2 = _layer(width, 2 * width, blocks[1])
        self.layer3 = _layer(2 * width, 4 * width, blocks[2])
        self.layer4 = _layer(4 * width, 8 * width, blocks[3])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalised pictures N×3×H×W to N×outputs."""
        features = self.layer1(self.relu(self.bn1(self.conv1(inputs))))
        features = self.layer4(self.layer3(self.layer2(features)))
        return self.fc(self.avgpool(features).flatten(1))  # type: ignore[no-any-return]


class NarrowVgg(nn.Module):
    """VGG with batch norm (Simonyan & Zisserman 2015), ``width`` channels at first, and one linear layer at the end.

    Args:
        letter: of the configuration in torchvision.
        width: channels of the first convolution.
        outputs: number of classes.
    """

    def __init__(self, letter: str, width: int, outputs: int) -> None:
        super().__init__()
        channels = [each if isinstance(each, str) else each * width // _FULL for each in cfgs[letter]]
        self.features = make_layers(channels, batch_norm=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(8 * width, outputs)
        for module in self.features.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalised pictures N×3×H×W to N×outputs."""
        return self.classifier(self.avgpool(self.features(inputs)).flatten(1))  # type: ignore[no-any-return]


def _layer(inner: int, outer: int, blocks: int) -> nn.Sequential:
    """Residual blocks; the first halves the picture where it widens."""
    first = BasicBlock(inner, outer)
    if inner != outer:
        shortcut = nn.Sequential(nn.Conv2d(inner, outer, 1, stride=2, bias=False), nn.BatchNorm2d(outer))
        first = BasicBlock(inner, outer, 2, shortcut)
    return nn.Sequential(first, *(BasicBlock(outer, outer) for _ in range(blocks - 1)))


_MAKERS: Mapping[str, Callable[[int, int], nn.Module]] = MappingProxyType(
    {name: partial(NarrowResNet, blocks) for name, blocks in _BLOCKS.items()}
    | {name: partial(NarrowVgg, letter) for name, letter in _VGG.items()}
)
NARROW: Mapping[str, Callable[[int], nn.Module]] = MappingProxyType(
    {f"{name}-{width}": partial(_MAKERS[name], width) for name, width in itertools.product(_MAKERS, WIDTHS)}
)
"""``resnet18-16`` … by name: a number of outputs to a new network with random weights."""
