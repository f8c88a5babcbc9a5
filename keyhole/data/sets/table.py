"""The data sets by the names that they are opened by."""

from __future__ import annotations

from collections.abc import Mapping

from keyhole.data.sets.celeba import CELEBA
from keyhole.data.sets.cifar import CIFAR_10, CIFAR_100
from keyhole.data.sets.clips import CLIPS
from keyhole.data.sets.coco import COCO
from keyhole.data.sets.cub import CUB
from keyhole.data.sets.dogs import DOGS
from keyhole.data.sets.facescrub import FACESCRUB
from keyhole.data.sets.imagenet import IMAGENET
from keyhole.data.sets.layout import Layout
from keyhole.data.sets.market import DUKE_MTMC, MARKET_1501
from keyhole.data.sets.msmt import MSMT17
from keyhole.data.sets.veri import VERI
from keyhole.data.sets.veriwild import VERI_WILD

SETS: Mapping[str, Layout] = {
    "celeba": CELEBA,
    "cifar10": CIFAR_10,
    "cifar100": CIFAR_100,
    "clips": CLIPS,
    "coco": COCO,
    "cub": CUB,
    "dogs": DOGS,
    "dukemtmc": DUKE_MTMC,
    "facescrub": FACESCRUB,
    "imagenet": IMAGENET,
    "market1501": MARKET_1501,
    "msmt17": MSMT17,
    "veri": VERI,
    "veri-wild": VERI_WILD,
}
