"""Volumes, as MRI and CT make them: read plane by plane, brought to one orientation and scale, seen slab by slab."""
