"""TLS on both sides: the authority that signs for intercepted hosts, and the strict check of the hosts themselves.

Nothing here opens a socket: connections are OpenSSL's over memory, and whoever has a socket drives them.
"""
