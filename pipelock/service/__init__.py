"""The daemon as a service of the user: the file that says so, who manages it, and taking it away again.

`program` finds the path that a service may name, `systemd` and `launchd` make the file and know the manager's commands,
`manifest` remembers what was written, `actions` does it.
"""
