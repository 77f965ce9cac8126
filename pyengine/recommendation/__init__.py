"""Choose a file from what was measured, and say why."""
