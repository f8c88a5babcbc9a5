"""Training of a prior: an autoencoder, and a diffusion model on its latents."""
