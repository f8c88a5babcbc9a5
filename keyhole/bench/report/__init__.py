"""A benchmark's run as HTML and as Markdown with plots."""
