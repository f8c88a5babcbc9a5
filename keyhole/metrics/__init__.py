"""What a reconstruction is worth: thin over torchmetrics."""

from keyhole.metrics.similarity import psnr, ssim

__all__ = ["psnr", "ssim"]
