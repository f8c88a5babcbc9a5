"""Evaluations: attacks on pictures without processes, scored against the truth."""
