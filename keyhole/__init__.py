"""Keyhole: collaborative split inference, and what it leaks.

>>> import keyhole, torchvision
>>> parts = keyhole.split(torchvision.models.resnet18(), "layer2")
>>> parts.plan.cut
'layer2.1'
"""

from typing import TYPE_CHECKING

from keyhole.lazy import lazily

if TYPE_CHECKING:
    from keyhole.partition import Partition, split
    from keyhole.targets import Target, load_target

__all__ = ["Partition", "Target", "load_target", "split"]

__getattr__ = lazily(
    __name__, {"keyhole.partition": ("Partition", "split"), "keyhole.targets": ("Target", "load_target")}
)
