"""Report of a benchmark's run: HTML, and Markdown with plots."""
