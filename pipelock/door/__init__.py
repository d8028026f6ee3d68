"""The engine's asynchronous shell: resolve, hold, record, publish."""
