"""Groups that nobody named and that fare worse: searched, with the search counted as evidence."""
