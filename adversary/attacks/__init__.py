"""Attacks: frames in, pictures out."""
