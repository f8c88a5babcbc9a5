"""Sweeps over targets, cuts, defences, codecs, links and attacks, and what they tell."""
