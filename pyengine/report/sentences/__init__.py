"""What is said in words, each sentence with the condition that allows it; `words.json` has them.

All of it is made from codes and numbers of a run when it is shown. Views lay out what is returned.
"""
