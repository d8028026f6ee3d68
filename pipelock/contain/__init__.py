"""What a launched agent may touch: the same profile for every system. Pure but for the look at which paths exist."""
