"""Bodies on their way through: codings taken off, judged whole or window by window, in bounded memory."""
