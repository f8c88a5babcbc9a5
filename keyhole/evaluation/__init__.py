"""Attacks on pictures without processes, for figures."""
