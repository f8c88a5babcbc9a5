"""Advice from measured figures: exposures, options, recommendation."""
