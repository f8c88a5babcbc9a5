"""Attacks on what a split inference gives away."""
