"""Evaluation of attacks that picture the classes that a classifier was trained on."""
