"""What is asked of an audit, before any data is seen: the Question and what each of its parts may be."""
