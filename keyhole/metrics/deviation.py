"""How far the pixels of two pictures lie apart."""

from __future__ import annotations

from torch import Tensor

from keyhole.metrics.pictures import check_pair


def l2(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error over all channels and pixels, one per picture: what papers print as "L2" or "MSE".

    It is the mean of squares on the scale [0, 1], neither their sum nor its root; `psnr` is −10·log10 of it.

    Args:
        reconstruction: N×3×H×W in [0, 1].
        truth: same shape.

    Returns:
        N values in [0, 1]; 0 where the two are equal.

    Raises:
        ValueError: shapes differ, values leave [0, 1], or a value is not finite.
    """
    check_pair(reconstruction, truth)
    return (reconstruction - truth).square().mean(dim=(1, 2, 3))


def eq14(reconstruction: Tensor, truth: Tensor) -> Tensor:
    """10·ln(255 / mean absolute error on the scale 0…255), one per picture: no PSNR, although its paper calls it that.

    Equation 14 of "Unlocking Visual Secrets: Inverting Features with Diffusion Priors for Image Reconstruction" squares
    nothing and names no base of the logarithm; with the natural one its tables are within reach. The mean is over all
    channels and pixels. Use it beside that paper's figures only.

    Args:
        reconstruction: N×3×H×W in [0, 1].
        truth: same shape.

    Returns:
        N values without a unit; infinite where the two are equal.

    Raises:
        ValueError: shapes differ, values leave [0, 1], or a value is not finite.
    """
    check_pair(reconstruction, truth)
    return -10 * (reconstruction - truth).abs().mean(dim=(1, 2, 3)).log()
