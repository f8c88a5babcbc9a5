"""How attacks, stages and pictures are named, coloured and drawn, on the page and in reports."""
