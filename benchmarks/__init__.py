"""Scripts that measure the code's own speed, as ratios."""
