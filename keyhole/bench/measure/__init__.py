"""One file for each kind of cell: how it is measured."""
