"""Attacks on a classifier: pictures of the classes that it was trained on, without any frame."""
