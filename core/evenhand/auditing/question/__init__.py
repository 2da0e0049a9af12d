"""What is asked of an audit: the choices, checked; the plan, fixed; the policies."""
