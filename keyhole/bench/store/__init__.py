"""What a run has measured so far."""
