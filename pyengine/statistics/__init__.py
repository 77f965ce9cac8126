"""Distances between distributions, and how sure their averages are. NumPy in, dataclasses out.

What needs the compiled core is in `rows`: verdicts over a saved record do without it.
"""
