"""Data sets in the layouts in which their owners distribute them, one file a layout, and one interface over them."""
