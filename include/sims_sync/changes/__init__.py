"""From accounts as they are and accounts as they should be to a plan, and from the plan to writes."""
