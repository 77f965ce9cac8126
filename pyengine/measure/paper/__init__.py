"""What arXiv 2601.02563 says, table by table, beside what files show."""
