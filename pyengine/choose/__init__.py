"""What measurements support: verdicts, conditions, and the choice of a file. No sentences."""
