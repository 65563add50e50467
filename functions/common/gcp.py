"""Between Cloud Functions' Flask and our requests and answers. Secrets are in the environment under their own names."""

import flask

from functions.common.http import Request, Response, request


def to_request(given: flask.Request) -> Request:
    """A Request; the body to the byte, also when it was sent in chunks."""
    query = given.query_string.decode(errors="replace")
    return request(given.method, given.path, query, dict(given.headers), given.get_data(cache=False))


def to_flask(response: Response) -> flask.Response:
    return flask.Response(response.body, response.status, dict(response.headers))
