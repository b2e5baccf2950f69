"""What SIMS and the directory have in common on the wire: bounds in size, memory and time, and silence in the logs."""
