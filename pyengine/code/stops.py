"""Strings at which an answer that goes on with a Python prompt has ended."""

PYTHON_STOPS = ("\nclass ", "\ndef ", "\n#", "\nif ", "\nprint(", "\n@", "\nassert ")
