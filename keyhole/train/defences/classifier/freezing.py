"""Freezing: modules up to a point of a network that learn nothing, neither weights nor statistics."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from keyhole.train.split import Blocks


class Trainee(nn.Module):
    """A network of which some modules stay in eval mode, whatever mode it is put in.

    Without gradient alone a batch norm goes on learning the means and variances of what it sees in training mode; the
    published code of TL-DMI leaves private statistics in the layers that it freezes.

    Args:
        network: N×3×H×W, normalised, to N×classes.
        frozen: its modules that stay as they are.
    """

    def __init__(self, network: nn.Module, frozen: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.network = network
        self._frozen = tuple(frozen)

    def train(self, mode: bool = True) -> Trainee:
        """As `nn.Module.train`, of all but what is frozen."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits N×classes of normalised pictures N×3×H×W."""
        return self.network(inputs)  # type: ignore[no-any-return]


def trainee(network: nn.Module, frozen: str, example: Tensor) -> Trainee:
    """A network with all frozen that runs up to the end of a module.

    Args:
        network: its other weights can all be trained, but for the bias of a BNNeck.
        frozen: path of the module; empty: nothing is frozen.
        example: pictures that it takes, on its device.

    Raises:
        CutError: no such module, or more than one tensor crosses at its end.
    """
    if not frozen:
        return Trainee(network)
    head = Blocks.of(network, (frozen,), example).head
    head.requires_grad_(False)
    leaves = {module for module in head.modules() if next(module.children(), None) is None}
    return Trainee(network, [module for module in network.modules() if _within(module, leaves)])


def _within(module: nn.Module, leaves: set[nn.Module]) -> bool:
    """Whether all that a module is made of is among the leaves."""
    own = [leaf for leaf in module.modules() if next(leaf.children(), None) is None]
    return all(leaf in leaves for leaf in own)
