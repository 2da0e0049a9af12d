"""The life of a model after its run: adapting it to a place."""
