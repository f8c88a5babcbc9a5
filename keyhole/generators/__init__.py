"""Generators: an optimised variable, and how it becomes a picture."""
