"""Measurements: one file for each kind of cell."""
