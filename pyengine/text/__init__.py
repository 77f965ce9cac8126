"""Documents, what their tokens are, and how they are cut into windows."""
