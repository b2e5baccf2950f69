"""What the sync is tried on: a school that is invented, its SIMS, its directory, and Airflow beside them."""
