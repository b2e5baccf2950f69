"""``schools.yaml``: which schools are synchronised, and how (SPEC section 11)."""
