"""Find the models on this machine and turn what a user names into a file."""
