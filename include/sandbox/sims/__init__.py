"""A sandbox SIMS: invented schools, and a SOAP broker that answers for one as SIMS would."""
