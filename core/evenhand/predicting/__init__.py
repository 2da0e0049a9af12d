"""What a model says about rows it was not trained on, and how well it does."""
