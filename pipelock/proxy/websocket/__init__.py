"""WebSockets (RFC 6455), message by message.

    road ──▶ handshake (both sides) ──▶ relay ──▶ endpoint, endpoint (wsproto, compression)
      └── sockets, time, the door       └── pure: bytes in, bytes and questions out

Nothing that one side sends reaches the other as it came: messages are put together from their fragments, decompressed,
judged, and framed anew.
"""
