"""Charts: described once, drawn as PNG for Markdown and as interactive plots for HTML."""
