"""The search for a file to run: what there is to pick from, in which order, and until when."""
