"""Pure arithmetic of evidence: intervals, multiplicity, smoothing. Imports numpy alone."""
