"""From a source to splits: reading, fingerprints, dividing rows into train, validation and test."""
