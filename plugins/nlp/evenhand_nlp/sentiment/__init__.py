"""Reviews to positive or negative, in several domains, with the audit of what naming a group does to the answer."""
