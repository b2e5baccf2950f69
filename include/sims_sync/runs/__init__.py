"""What a run leaves behind: its files, the school's state, and its report."""
