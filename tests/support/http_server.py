"""The standard library's HTTP server, with room for a burst of connections."""

from http.server import ThreadingHTTPServer


class BurstServer(ThreadingHTTPServer):
    """Of connections that it has not accepted yet, the library's server lets five wait. When forty came at once, some
    got a reset."""

    request_queue_size = 128
