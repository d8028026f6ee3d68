"""The first screen: how the daemon stands."""
