"""Who is talking: the sessions, why they stand where they stand, and what can be done to them."""
