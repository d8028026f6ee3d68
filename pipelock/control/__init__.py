"""The control socket: typed frames, a sans-I/O protocol, one server and two clients."""
