"""`/fetch?url=`: a page as text, for agents that have no HTTP client of their own.

The answer is JSON whatever happens. Redirects are followed, five at the most, and each hop is a request of its own
that the door judges.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, unquote_plus, urljoin

from pipelock.engine import summarise
from pipelock.model import Action, BlockReason, Decision, Fault, Identity, Kind, Transport
from pipelock.proxy.context import LocalAnswer, ProxyContext
from pipelock.proxy.http1 import RemoteProtocolError, request_head
from pipelock.proxy.limits import MAX_REDIRECTS
from pipelock.proxy.pages import fetch_body, refusal_headers
from pipelock.proxy.readable import readable
from pipelock.proxy.roundtrip import Answered, Failed, Refused, Result, RoundTrip
from pipelock.proxy.target import Target, parse_url
from pipelock.proxy.upstream import Origin, UpstreamRequest

__all__ = ["Fetch", "parameters"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HIDDEN = "\f"
_CONTROLS = dict.fromkeys((*range(32), 127))
Done = Callable[[LocalAnswer, tuple[tuple[str, str], ...]], None]


class Fetch:
    """One call. `done` is called once, unless `cancel` comes first.

    `identify` says whose it is, given the `agent` parameter.
    """

    def __init__(
        self,
        context: ProxyContext,
        done: Done,
        *,
        method: str,
        query: str,
        client: str,
        identify: Callable[[str], Identity],
    ) -> None:
        self._context = context
        self._method = method
        self._client = client
        self._done: Done | None = done
        self._road: RoundTrip | None = None
        self._hops = 0
        self._url, agent = parameters(query)
        self._identity = identify(agent)
        self._agent = self._identity.agent

    def start(self) -> None:
        """Judge and fetch the first URL."""
        if self._method != "GET":
            self._plain(405, "only GET allowed")
        elif not self._url:
            self._plain(400, "missing 'url' query parameter")
        else:
            self._hop(self._url)

    def cancel(self) -> None:
        """The client is gone."""
        self._done = None
        if self._road is not None:
            self._road.cancel()

    def _hop(self, url: str) -> None:
        try:
            target = parse_url(url)
        except RemoteProtocolError as error:
            if not self._hops:
                self._plain(400, f"invalid URL: {error}")
                return
            target = Target(form="absolute", scheme="", host="", port=0, url=url, path_query="")
        action = Action(
            id=self._context.new_id(),
            kind=Kind.REQUEST,
            transport=Transport.FETCH,
            session=self._identity.session,
            agent=self._agent,
            client=self._client,
            method="GET",
            url=target.url,
            host=target.host,
            port=target.port,
            headers=(("x-pipelock-agent", self._agent),),
            fault=self._fault(target),
            identity=self._identity,
        )
        self._road = RoundTrip(
            self._context,
            action,
            lambda _decision: self._request(target),
            lambda result: self._arrived(target, result),
            view=_page,
        )
        self._road.start()

    def _fault(self, target: Target) -> Fault | None:
        if self._hops > MAX_REDIRECTS:
            return Fault(BlockReason.REDIRECT_SCAN_DENIED, f"more than {MAX_REDIRECTS} redirects", 403)
        if not target.scheme:
            return Fault(BlockReason.REDIRECT_SCAN_DENIED, "the redirect leads to something that is not a web address")
        return None

    def _request(self, target: Target) -> tuple[Origin, UpstreamRequest]:
        head = request_head(
            "GET",
            target.path_query,
            [
                ("host", target.authority),
                ("user-agent", self._context.settings.user_agent),
                ("accept", "text/html,text/*;q=0.9,*/*;q=0.5"),
                ("accept-encoding", "identity"),
            ],
        )
        return Origin.of(target), UpstreamRequest("GET", head, b"")

    def _arrived(self, target: Target, result: Result) -> None:
        road, self._road = self._road, None
        match result:
            case Answered():
                location = next((value for name, value in result.head.headers if name == "location"), "")
                if result.head.status in _REDIRECTS and location:
                    self._hops += 1
                    self._hop(urljoin(target.url, location).partition("#")[0])
                else:
                    self._answer(target, result)
            case Refused():
                self._refused(result.action, result.decision)
            case Failed():
                self._plain(result.status, result.why)
        if road is not None:
            road.finish()

    def _answer(self, target: Target, result: Answered) -> None:
        content_type = next((value for name, value in result.head.headers if name == "content-type"), "")
        title, _, text = result.body.decode("utf-8", "replace").partition(_HIDDEN)[0].partition("\n")
        body = fetch_body(
            url=target.url,
            agent=self._agent,
            status_code=result.head.status,
            content_type=content_type,
            title=title,
            content=text,
            blocked=False,
        )
        self._end(200, body, ())

    def _refused(self, action: Action, decision: Decision) -> None:
        # Nothing is echoed that may hold what was refused.
        shown = summarise(action, decision)
        body = fetch_body(
            url=shown.url,
            agent=shown.agent,
            blocked=True,
            block_reason=decision.reason,
            hint=decision.hint if self._context.settings.explain else "",
        )
        self._end(decision.status or 403, body, refusal_headers(decision, explain=self._context.settings.explain))

    def _plain(self, status: int, error: str) -> None:
        self._end(status, fetch_body(url=self._url, agent=self._agent, error=error, blocked=False), ())

    def _end(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(LocalAnswer(status, "application/json", body), headers)


def _page(data: bytes, content_type: str) -> bytes:
    """The page as the agent gets it, and behind a mark what it does not get: comments and what is styled away.

    Joining words and entities can spell new ones, so it is this that must be judged. The hidden part is judged with it,
    because a page that hides instructions is an attack, whatever else it says.
    """
    page = readable(data, content_type)
    text = page.text.replace(_HIDDEN, " ")
    hidden = f"{_HIDDEN}\n{page.hidden}" if page.hidden else ""
    return f"{' '.join(page.title.split())}\n{text}{hidden}".encode()


def parameters(query: str) -> tuple[str, str]:
    """The target and the agent. With any parameter but these two, the target is all that follows `url=`."""
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=64) if query.count("&") < 64 else []
    names = {name for name, _ in pairs}
    agent = next((value for name, value in pairs if name == "agent"), "")
    if pairs and names <= {"url", "agent"}:
        url = next((value for name, value in pairs if name == "url"), "")
    else:
        _, found, rest = f"&{query}".partition("&url=")
        url = (rest if "://" in rest else unquote_plus(rest)) if found else ""
    return url.translate(_CONTROLS), agent
