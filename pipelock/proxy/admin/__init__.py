"""The admin API: kill switch, sessions and held requests over HTTP, for operators and scripts that hold the token."""
