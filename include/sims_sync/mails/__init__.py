"""What the data team is told by mail: which school, what happened, what to do; never a value of a person."""
