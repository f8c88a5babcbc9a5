"""Scripts that measure the code's own speed, as ratios, and what its scores say."""
