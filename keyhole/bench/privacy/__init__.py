"""Figures of privacy beside the scores of attacks."""
