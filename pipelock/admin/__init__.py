"""The admin API's vocabulary: what is sent, what is answered, sessions in those words. Pure; for both ends of it."""
