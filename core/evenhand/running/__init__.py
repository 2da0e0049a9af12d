"""The corridor: stages over one run folder, what they cost, and the replay of an audit."""
