"""evenhand's autonomy domain. It does not contain a recipe yet: the hooks arrive with its first one."""
