"""What llama-perplexity does: its windows, clipping, formulas and digits, and its base files."""
