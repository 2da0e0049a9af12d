"""One aggregation of the rows, and the sums by group and by score level that everything else is made of."""
