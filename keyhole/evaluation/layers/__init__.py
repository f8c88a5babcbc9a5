"""How much each layer of a classifier matters to its task, and to the inversion of its training pictures."""
