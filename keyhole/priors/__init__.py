"""Priors: what an attacker knows of pictures, as diffusers directories."""
