"""The audit log, looked through."""
