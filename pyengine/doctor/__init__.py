"""Examine this installation and machine, and say what to do about what is found."""
