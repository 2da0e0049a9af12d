"""answer: a question about a text, answered in few words, and what is said where the text does not tell."""
