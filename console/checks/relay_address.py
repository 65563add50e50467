"""Checks the address in the Voicebot applet: does Exotel accept it, and where is its secret (exotel.md 1.11, 1.13)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import encode_basic_auth
from yarl import URL

from console.checks.finding import Finding, Verdict
from console.checks.subject import Subject
from relay.audio.pcm import LINE_RATES
from relay.media import MEDIA_PATHS
from sim.exotel import MAX_CUSTOM_PARAMETERS, MAX_QUERY_CHARACTERS

RATES = tuple(map(str, sorted(LINE_RATES)))
_SOCKET_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
SECRET_NAMES = frozenset({"token", "key", "secret", "password"})


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """`socket`: the address that Exotel connects to: without query and password. `http`: the same for a plain GET."""

    socket: URL
    http: URL
    authorization: str
    """Of the upgrade; empty where the address has no `user:password@`."""
    base: URL
    """Where /health and /ready are."""
    token: str
    """The path's first segment behind the media path; an alias, if the relay requires no token."""
    dynamic: bool
    """An `https://` address: Exotel asks it for the socket's."""

    @classmethod
    def parse(cls, text: str) -> "RelayAddress":
        """Raises ValueError with a sentence that does not contain the address."""
        try:
            url = URL(text.strip())
        except ValueError:
            raise ValueError("the relay's address can't be read as a URL") from None
        if url.scheme not in _SOCKET_SCHEMES or not url.host:
            raise ValueError("the relay's address does not begin with wss:// and a host's name")
        bare = url.with_query(None).with_user(None).with_fragment(None).with_scheme(_SOCKET_SCHEMES[url.scheme])
        media = next((path for path in MEDIA_PATHS if f"{path}/" in f"{bare.path}/"), "")
        before, _, behind = f"{bare.path}/".partition(f"{media}/") if media else (bare.path, "", "")
        http = bare.with_scheme("https" if bare.scheme == "wss" else "http")
        return cls(
            socket=bare,
            http=http,
            authorization=encode_basic_auth(url.user, url.password or "") if url.user else "",
            base=http.with_path(before or "/"),
            token=behind.split("/")[0],
            dynamic=url.scheme in {"http", "https"},
        )

    @property
    def secure(self) -> bool:
        return self.socket.scheme == "wss"

    @property
    def port(self) -> int:
        return self.socket.port or (443 if self.secure else 80)

    @property
    def headers(self) -> dict[str, str]:
        """Headers that Exotel sends with the upgrade."""
        return {"Authorization": self.authorization} if self.authorization else {}

    def at(self, path: str) -> URL:
        """Another path of the same relay."""
        return self.base.with_path(f"{self.base.path.rstrip('/')}{path}")

    def with_token(self, token: str) -> URL:
        """The address with another token in its path; "" for none, and then nothing after it."""
        path = self.http.path
        if self.token:
            before, _, behind = path.rpartition(f"/{self.token}")
            path = f"{before}/{token}{behind}" if token else before
        elif token:
            path = f"{path.rstrip('/')}/{token}"
        return self.http.with_path(path)


async def check_address(subject: Subject) -> AsyncIterator[Finding]:
    """`relay.address`: one finding for each thing that Exotel would refuse."""
    check = "relay.address"
    try:
        address = RelayAddress.parse(subject.relay_url)
    except ValueError as error:
        yield Finding(
            check, Verdict.FAIL, str(error), "Give it as it is in the applet: wss://relay.example.com/media/TOKEN"
        )
        return
    wrong = [Finding(check, Verdict.FAIL, found, advice) for found, advice in _query_problems(URL(subject.relay_url))]
    if not address.secure:
        found = f"the relay is addressed by {address.socket.scheme}://, which Exotel accepts for tests only"
        wrong.append(Finding(check, Verdict.WARN, found, "Put TLS in front of the relay and paste its wss:// address."))
    for finding in wrong:
        yield finding
    if not wrong:
        yield Finding(check, Verdict.PASS, f"the address is one that Exotel takes ({address.socket.scheme}://)")


def _query_problems(url: URL) -> list[tuple[str, str]]:
    problems = []
    if (length := len(url.query_string)) > MAX_QUERY_CHARACTERS:
        problems.append(
            (
                f"the query has {length} characters",
                f"Exotel takes {MAX_QUERY_CHARACTERS}: shorten the custom parameters.",
            )
        )
    parameters = [key for key in url.query if key not in {"sample-rate", "sample_rate"}]
    if len(parameters) > MAX_CUSTOM_PARAMETERS:
        problems.append(
            (f"the query has {len(parameters)} custom parameters", f"Exotel takes {MAX_CUSTOM_PARAMETERS}: drop some.")
        )
    if "sample_rate" in url.query:
        problems.append(
            ("the query says sample_rate", "Exotel reads sample-rate, with a hyphen; otherwise the line stays at 8000.")
        )
    if (rate := url.query.get("sample-rate", RATES[0])) not in RATES:
        problems.append((f"sample-rate={rate[:20]}", f"Exotel takes {', '.join(RATES)}."))
    if secrets := SECRET_NAMES & {key.lower() for key in parameters}:
        problems.append(
            (
                f"the query carries the secret {sorted(secrets)[0]!r}",
                "The Voicebot applet removes the query before it connects: put the token into the path.",
            )
        )
    return problems
