"""What a target is trained for."""
