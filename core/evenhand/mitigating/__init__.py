"""Making a model more even between groups: before, while and after it is trained; fairlearn's where it has one."""
