"""A run's model written as files that run without evenhand: converted, checked, judged group by group, promoted."""
