"""PATROL (Ding et al.): privacy-oriented pruning of a head, by its Algorithm 1."""
