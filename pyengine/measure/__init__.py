"""From files and documents to runs: contexts, the engine that decodes them, and what is measured."""
