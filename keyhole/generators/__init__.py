"""What the optimised variable is, and how it becomes a picture."""
