"""Trainings of attackers before they meet a frame."""
