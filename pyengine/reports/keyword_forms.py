"""What the words for the forms of keywords mean, said alike in every report.

Three sets of tokens can stand for a language's keywords, and their probabilities differ.
"""

BARE = "bare: one token that is the word and nothing else"
ANY_SPACING = "any spacing: bare or after one space, newline or tab"
ALL_FORMS = (
    "all forms: bare, after one space, newline or tab, and other cases bare or after a space"
)
