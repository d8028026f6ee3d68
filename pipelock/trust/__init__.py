"""What makes programs on this machine use the proxy and believe its certificates, and how to see that they do.

`variables` says which environment variables there are, `shells` writes them, `bundle` keeps the files they point at;
`doctor` runs the programs that are installed and watches what they do.
"""
