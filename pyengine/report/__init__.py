"""Show results: one table model, decorated as text, Markdown, HTML and CSV."""
