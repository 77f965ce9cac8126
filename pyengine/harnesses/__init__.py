"""Models for evaluation harnesses: what they ask is answered by the functions of `api`."""
