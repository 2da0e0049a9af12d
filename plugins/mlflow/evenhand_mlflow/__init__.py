"""evenhand's tracker for MLflow."""
