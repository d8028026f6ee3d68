"""The kill switch, its sources and how each is cleared."""
