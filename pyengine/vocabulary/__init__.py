"""What a tokenizer keeps whole: token classes, keyword tables, coverage, integrity, fertility."""
