"""The configuration file beside what is in force."""
