"""From files and documents to runs: contexts, the engine that decodes them, observers."""
