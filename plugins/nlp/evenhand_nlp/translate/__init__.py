"""translate: a text in another language, and what becomes of women and men on the way."""
