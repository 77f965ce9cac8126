"""What runs inside a sandbox: scripts of the standard library only, seen there as /harness."""
