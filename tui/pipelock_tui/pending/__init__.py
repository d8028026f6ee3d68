"""What waits for a person: the list, what each answer would do, and the windows that ask for more."""
