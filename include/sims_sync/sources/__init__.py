"""Where rolls come from: what any source owes the rules (``source``), and SIMS, the first one."""
