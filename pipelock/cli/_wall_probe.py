"""Run inside a sandbox: tries to reach a server of the host's around the proxy, and says in a line of JSON how it went.

    python -I -c TEXT TCP-PORT UDP-PORT TOKEN

The standard library alone; its own text is what is handed to the interpreter, because the package may not be readable
inside.
"""

import json
import socket
import sys

SECONDS = 3.0


def over_tcp(port: int, sent: bytes) -> str:
    """Send bytes to a port of loopback; says what went wrong."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as link:
            link.sendall(sent)
            link.shutdown(socket.SHUT_WR)
            return "answered" if link.recv(64) else "closed"
    except OSError as error:
        return error.strerror or str(error)


def over_udp(port: int, sent: bytes) -> str:
    """Likewise, one datagram."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(SECONDS)
            link.connect(("127.0.0.1", port))
            link.send(sent)
            link.send(sent)  # the first one's refusal is told to the second
    except OSError as error:
        return error.strerror or str(error)
    return "sent"


def question(name: str) -> bytes:
    """A DNS query for the address of `name`, RFC 1035 §4.1."""
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00\x00\x01\x00\x01"


def hello(name: str) -> bytes:
    """A TLS record that begins a handshake, with `name` where the server's name stands (RFC 8446 §5.1, §4.1.2)."""
    server = b"\x00" + len(name).to_bytes(2, "big") + name.encode()
    listed = len(server).to_bytes(2, "big") + server
    extensions = b"\x00\x00" + len(listed).to_bytes(2, "big") + listed
    text = b"\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00" + len(extensions).to_bytes(2, "big") + extensions
    message = b"\x01" + len(text).to_bytes(3, "big") + text
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


def main(tcp: int, udp: int, token: str) -> None:
    """Try the three roads."""
    request = f"GET /good?http-{token} HTTP/1.1\r\nHost: direct.test\r\nConnection: close\r\n\r\n"
    said = {
        "http": over_tcp(tcp, request.encode()),
        "https": over_tcp(tcp, hello(f"https-{token}.test")),
        "dns": over_udp(udp, question(f"dns-{token}.test")),
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
