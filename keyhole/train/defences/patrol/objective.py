"""What Algorithm 1 minimises, line by line: the prediction loss, the surrogate's loss and the Lipschitz loss."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, fx, nn

from keyhole.nn.mirror import MirrorNetwork
from keyhole.train.defences.patrol.masks import Masks
from keyhole.train.defences.patrol.settings import NormName, PatrolRecipe
from keyhole.train.split import Blocks, denormalised, frozen, in_eval_mode
from keyhole.train.task import Batch, Task


class Surrogate(nn.Module):
    """The mirror of a head, which can be brought to pictures of another size.

    The paper lets it take "the output of the last convolution layer of the target network" and invert "all the neural
    network layers in the target network"; Algorithm 1 and Eq. 8 let it take f_e(x). The equation is followed: it
    mirrors the whole head and takes what crosses the cut. The two are the same where the whole trunk is on the edge.

    Args:
        shape: of what crosses for one picture, without the batch.
        size: side of the pictures in pixels.
        layers: transposed convolutions; None: as the shape suggests.
    """

    def __init__(self, shape: tuple[int, ...], size: int, layers: int | None) -> None:
        super().__init__()
        self.network = MirrorNetwork([shape], size, layers)
        self._layers = layers

    def forward(self, features: Tensor) -> Tensor:
        """Features N×… at the cut to pictures around [0, 1], N×3×size×size."""
        pictures: Tensor = self.network(features)
        return pictures

    def fit_to(self, shape: tuple[int, ...], size: int) -> None:
        """Take features of pictures of another size from now on, with the same weights."""
        if (self.network.layout.shapes, self.network.size) == ((tuple(shape),), size):
            return
        resized = MirrorNetwork([shape], size, self._layers).to(self.network.mean.device)
        resized.body = self.network.body
        resized.mean, resized.deviation = self.network.mean, self.network.deviation
        self.network = resized

    def standardise(self, features: Tensor) -> None:
        """Standardise by the channels of typical features, N×…; masks shrink features while they are trained."""
        self.network.standardise((features,))


def reconstruction_distance(
    pictures: Tensor, reconstructed: Tensor, norm: NormName = "picture", batch: int | None = None
) -> Tensor:
    """L_adv = ‖x − f_adv(f_e(x))‖₂ (Eq. 8).

    The equation is for "an input sample x", and Algorithm 1 takes it of a "batch sample (x, y)". Read by the picture,
    it is the mean over the batch of each picture's own norm; read by the batch, the norm of all differences together,
    which is about √N times as large. The paper's β speaks for the second: with 0.0004, pictures of 256 px and a mean
    squared error of 0.02, β·L_adv is 0.025 by the picture, next to nothing beside a cross-entropy, and 0.57 by its
    batch of 512.

    Args:
        pictures: in [0, 1], N×3×H×W.
        reconstructed: the same shape.
        norm: ``picture`` or ``batch``.
        batch: pictures of the batch, where these are a part of it: the norm of a batch is that of so many like them.
    """
    distances: Tensor = torch.linalg.vector_norm((pictures - reconstructed).flatten(1), dim=1)
    if norm == "picture":
        return distances.mean()
    count = len(pictures) if batch is None else batch
    whole: Tensor = (count / len(pictures)) ** 0.5 * torch.linalg.vector_norm(pictures - reconstructed)
    return whole


def mirrored_layers(head: fx.GraphModule) -> int | None:
    """Number of convolutions of a head, without the 1×1 ones of shortcuts; None for fewer than two."""
    sizes = [layer.kernel_size for layer in _layers(head) if isinstance(layer, nn.Conv2d)]
    count = sum(max(size) > 1 for size in sizes)
    return count if count > 1 else None


def _layers(head: fx.GraphModule) -> Iterable[nn.Module]:
    return (head.get_submodule(str(node.target)) for node in head.graph.nodes if node.op == "call_module")


def constants(clean: Sequence[Tensor], noisy: Sequence[Tensor]) -> list[Tensor]:
    """k_i of each block: how much it stretches a perturbation of its input, in the 1-norm, at most over the batch.

    The supremum of Eqs. 4 and 5 is over all pictures x; a batch's maximum is what one step can see of it.

    Args:
        clean: the pictures, N×…, and what each block makes of them.
        noisy: the same for the perturbed pictures.

    Returns:
        N scalars for N blocks: Eq. 5 for the first, where the input's difference is the noise itself, Eq. 4 for the
        others.
    """
    moved = [(after - before).flatten(1).abs().sum(1) for before, after in zip(clean, noisy, strict=True)]
    return [(output / given.clamp_min(torch.finfo(given.dtype).tiny)).max() for given, output in pairwise(moved)]


def lipschitz_loss(stretches: Sequence[Tensor], alpha: Sequence[float]) -> Tensor:
    """Σ α_i k_i (Eq. 6).

    The paper gives four α for the four stages of ResNet-18. Of a head of more blocks, the others take the last α.

    Args:
        stretches: k_i.
        alpha: α_i, one or more.
    """
    weights = [*alpha, *[alpha[-1]] * len(stretches)]
    return torch.stack([weight * stretch for weight, stretch in zip(weights, stretches, strict=False)]).sum()


def random_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """δ of Algorithm 1, line 18: N(0, 1) for each number of the model's (normalised) input, of the shape of ``like``.

    Algorithm 1 draws it anew for each block. Here all blocks of a step share one draw: each k_i is distributed as with
    its own, and the head runs once instead of N times.
    """
    return torch.randn(like.shape, generator=generator).to(like)


class Objective:
    """The losses of a step.

    Args:
        task: whose prediction loss is L.
        recipe: weights, and which terms there are.
        masks: m; None without pruning.
        surrogate: f_adv.
        blocks: the task's module, taken apart.
    """

    def __init__(
        self, task: Task, recipe: PatrolRecipe, masks: Masks | None, surrogate: Surrogate, blocks: Blocks
    ) -> None:
        self._task, self._recipe, self._masks, self._surrogate = task, recipe, masks, surrogate
        self.blocks = blocks

    def inversion(self, batch: Batch) -> Tensor:
        """L_adv for θ_adv to minimise (lines 7 and 8); the model is not trained."""
        self._surrogate.train()
        shown = self.shown(batch)
        return self._distance(shown, self._surrogate(self.features(shown)), len(batch.inputs))

    def shown(self, batch: Batch) -> Batch:
        """The part of a batch that the surrogate sees: pictures far apart in it, because neighbours may be alike."""
        apart = self._apart(batch)
        return Batch(batch.inputs[apart], batch.labels[apart])

    @torch.no_grad()
    def features(self, batch: Batch) -> Tensor:
        """Features N×… at the cut, as deployed: in eval mode and masked."""
        with in_eval_mode(self._task.module), self._masked():
            crossing: Tensor = self.blocks.head(batch.inputs)[-1]
        return crossing

    def adversarial(self, batch: Batch) -> Tensor:
        """L − β L_adv for θ to minimise (lines 13 to 15, Eq. 9), the surrogate being what it is.

        Reconstructions are clamped to [0, 1], as an attacker's are. Otherwise Eq. 9 has no minimum: by large features
        the head could drive the output of a fixed surrogate, and so L_adv, to any size.
        """
        loss, features = self._predict(batch)
        if "adversarial" not in self._recipe.terms:
            return loss
        with in_eval_mode(self._surrogate), frozen(self._surrogate):
            reconstructed = self._surrogate(features[self._apart(batch)]).clamp(0, 1)
        return loss - self._recipe.beta * self._distance(self.shown(batch), reconstructed, len(batch.inputs))

    def lipschitz(self, batch: Batch, noise: Tensor) -> Tensor:
        """L + L_lip for θ to minimise (lines 17 to 22, Eq. 7).

        The blocks are those that will be attacked, with batch norm's running statistics: a batch's own would make every
        k_i depend on the other pictures and would mix the noise into the statistics.

        Args:
            batch: pictures x.
            noise: δ, of the shape of the model's input.
        """
        loss, _ = self._predict(batch)
        if "lipschitz" not in self._recipe.terms:
            return loss
        noisy = batch.inputs + noise
        with in_eval_mode(self._task.module), self._masked():
            clean_ends, noisy_ends = self.blocks.head(batch.inputs), self.blocks.head(noisy)
        stretches = constants((batch.inputs, *clean_ends), (noisy, *noisy_ends))
        return loss + lipschitz_loss(stretches, self._recipe.alpha)

    def prediction(self, batch: Batch) -> Tensor:
        """L(θ, m), whose gradient FISTA takes to the mask (lines 24 and 25, Eq. 1).

        Line 25 writes the minimum over θ and m, line 24 and Eq. 1 over m; θ has had its two steps, so m alone moves.
        """
        return self._predict(batch)[0]

    def _predict(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if self._recipe.tail == "kept":
            self.blocks.tail.eval()
        with self._masked():
            features = self.blocks.head(batch.inputs)[-1]
            return self._task.loss(self.blocks.tail(features), batch.labels), features

    def _distance(self, shown: Batch, reconstructed: Tensor, batch: int) -> Tensor:
        return reconstruction_distance(self._pictures(shown), reconstructed, self._recipe.norm, batch)

    def _apart(self, batch: Batch) -> slice:
        count = len(batch.inputs)
        return slice(None, None, -(-count // (self._recipe.inverted or count)))

    def _masked(self) -> AbstractContextManager[None]:
        return nullcontext() if self._masks is None else self._masks.applied()

    def _pictures(self, batch: Batch) -> Tensor:
        return denormalised(batch.inputs, self._task.preprocess)
