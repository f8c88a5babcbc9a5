"""Priors: an attacker's knowledge of pictures, as diffusers directories or classes."""
