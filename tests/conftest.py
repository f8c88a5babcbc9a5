"""One thread for each process: small models run faster so, above all side by side; and equal runs end equal."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
