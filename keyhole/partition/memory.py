"""Memory that a head needs on the edge: its weights, and the peak of its activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree as pytree

from keyhole.partition.cut_points import CutPoint, CutProfile, profile_surveyed, whole
from keyhole.partition.errors import CutError
from keyhole.partition.model_survey import Survey, survey
from keyhole.partition.tracing import replica

if TYPE_CHECKING:
    from keyhole.targets import Target


@dataclass(frozen=True)
class Footprint:
    """Bytes that a head occupies while it runs on one picture.

    Attributes:
        weights: parameters and buffers.
        activations: peak of the tensors between its operations, the picture included. Workspaces of kernels are not
            counted.
    """

    weights: int
    activations: int

    @property
    def total(self) -> int:
        """Weights and activations."""
        return self.weights + self.activations


@dataclass(frozen=True)
class SizedHead:
    """A head with its costs and its memory.

    Attributes:
        costs: the cut and what it costs.
        footprint: memory of its head.
    """

    costs: CutProfile
    footprint: Footprint

    @property
    def point(self) -> CutPoint:
        """The cut at which the head ends."""
        return self.costs.point


def footprints(model: nn.Module | Target, example: Tensor | None = None, *, every: bool = False) -> list[SizedHead]:
    """The footprint of the head of every cut at the end of a block, in the order in which the model runs.

    PATROL (§IV-B) gives the "memory footprint" of parameters alone: 0.6 MB and 2.9 MB for one and two stages of
    ResNet-18 are about 4 bytes for each of them. A device must hold what it computes too, so both are counted.

    Args:
        model: as for `split`.
        example: as for `split`.
        every: of every cut, as for `points`.

    Raises:
        CutError: the model cannot be traced.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
    >>> heads = footprints(net, torch.rand(1, 3, 8, 8))
    >>> [(head.point.cut, head.footprint.total) for head in heads[:3]]
    [('input', 768), ('0', 3712), ('1', 4992)]
    >>> deepest(heads, room=4096, limit="2").point.cut
    '0'
    """
    return footprints_surveyed(survey(model, example), every=every)


def footprints_surveyed(surveyed: Survey, *, every: bool = False) -> list[SizedHead]:
    """`footprints` of a model that is surveyed already."""
    peaks = _peaks(surveyed)
    return [
        SizedHead(costs, Footprint(costs.head_bytes, peaks[surveyed.index(costs.point.cut)]))
        for costs in profile_surveyed(surveyed, every=every)
    ]


def whole_footprint(surveyed: Survey) -> Footprint:
    """The footprint of the whole model.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
    >>> whole_footprint(survey(net, torch.rand(1, 3, 8, 8)))
    Footprint(weights=21416, activations=4096)
    """
    return Footprint(whole(surveyed).head_bytes, _peaks(surveyed)[-1])


def _peaks(surveyed: Survey) -> list[int]:
    """Bytes of activations that the head up to and including each operation needs at most."""
    module = replica(surveyed.module(surveyed.graph))
    recorder = _Peak(module)
    with torch.inference_mode(False), torch.no_grad():
        try:
            with FakeTensorMode(allow_non_fake_inputs=True):
                recorder.run(torch.empty_like(surveyed.example))
        except Exception:  # a model that looks at numbers
            recorder = _Peak(module)
            recorder.run(surveyed.example.clone())
    return list(accumulate(recorder.live, max))


def deepest(fits: Sequence[SizedHead], room: int, limit: str) -> SizedHead:
    """The last cut up to ``limit`` whose head fits.

    Args:
        fits: `footprints` of a pruned model.
        room: bytes that the edge has, weights and activations together.
        limit: the last cut that is looked at.

    Raises:
        CutError: no head fits, or there is no such cut.
    """
    names = [fit.point.cut for fit in fits]
    if limit not in names:
        raise CutError(f"no block ends at {limit!r}; expected one of {', '.join(names)}")
    within = [fit for fit in fits[1 : names.index(limit) + 1] if fit.footprint.total <= room]
    if not within:
        least = min(fit.footprint.total for fit in fits[1:])
        raise CutError(f"no head fits in {room / 2**20:.2f} MiB; the smallest needs {least / 2**20:.2f} MiB")
    return within[-1]


def footprint_at(fits: Sequence[SizedHead], cut: str) -> Footprint:
    """The footprint at a cut: its path, or the papers' name of it.

    Raises:
        CutError: no block ends there.
    """
    named: Mapping[str, Footprint] = {
        name: fit.footprint for fit in fits for name in (fit.point.alias, fit.point.cut) if name
    }
    if cut not in named:
        raise CutError(f"no block ends at {cut!r}; expected one of {', '.join(fit.point.cut for fit in fits)}")
    return named[cut]


class _Peak(fx.Interpreter):
    """Runs a graph, and notes after each operation how many bytes of activations are alive."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=True)
        self._weights = {tensor.untyped_storage()._cdata for tensor in [*module.parameters(), *module.buffers()]}
        self.live: list[int] = []

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        tensors = [leaf for leaf in pytree.tree_leaves([*self.env.values(), value]) if isinstance(leaf, Tensor)]
        storages = {tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}
        if n.op != "output":
            self.live.append(sum(size for place, size in storages.items() if place not in self._weights))
        return value
