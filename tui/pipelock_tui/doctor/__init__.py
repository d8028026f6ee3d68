"""What is wrong with the installation, and what to do."""
