"""Attacks on features: frames in, pictures out."""
