"""What the product speaks of: a person, an attribute of an account, and the kinds of values that attributes have."""
