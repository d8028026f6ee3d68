"""What was decided: the live list, the exchange behind a row, the history, the way out of a false alarm."""
