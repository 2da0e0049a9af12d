"""autonomy/obstacle: who and what is on the road, and whether all of them are seen."""
