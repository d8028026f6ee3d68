"""What is in force: rules, suppressions and grants, how often they met something, and how they are taken back."""
