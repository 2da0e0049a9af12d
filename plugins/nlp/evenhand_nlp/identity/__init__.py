"""Groups of people that texts mention: found by curated term lists, exchanged for each other, and compared."""
