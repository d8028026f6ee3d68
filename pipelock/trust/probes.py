"""The programs that are tried out, as data: how each is made to fetch one URL, and what helps where it does not work.

In arguments, files and variables `{url}` is what to fetch, `{origin}` its first part, `{host}` its host and port,
`{folder}` a folder of the probe's own that is deleted afterwards, and `{programs}` where our own programs lie. Nothing
is written elsewhere: caches are off, or in that folder. Nothing but the URL is asked for: update checks are off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pipelock.trust.sightings import Outcome

__all__ = ["MISSING_CODE", "PROBES", "Probe", "fix_for"]

MISSING_CODE = 77
"""Exit code of our probe programs for "the library is not here"."""


class Probe(NamedTuple):
    """One program, or one library of a language.

    Attributes:
        key: A DNS label; the host that it alone is sent to starts with it.
        title: For people.
        program: What has to be on PATH.
        arguments: After the program.
        version: What makes it say its version; empty where the probe itself says `version X`.
        needs: A second program that has to be there.
        environ: Variables on top of those of `pipelock env`.
        files: Files of its folder by name.
        config: Files under the user's home, linked into the folder: they are what the user's setup consists of.
        public_name: It asks the resolver about every host, and leaves the proxy out for one on loopback.
        fixes: What helps, by outcome; see `fix_for` for the rest.
    """

    key: str
    title: str
    program: str
    arguments: tuple[str, ...]
    version: tuple[str, ...] = ("--version",)
    needs: str = ""
    environ: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    config: tuple[tuple[str, str], ...] = ()
    public_name: bool = False
    fixes: Mapping[Outcome, str] = {}


_NODE_OLD = (
    "Node heeds NODE_USE_ENV_PROXY from 22.21 and 24 on; with an older one the program itself must set a proxy "
    "(undici's EnvHttpProxyAgent, global-agent)"
)
_PACKAGE = "pipelock-trust-probe"


def _python(library: str, ignored: str = "") -> Probe:
    fixes = {Outcome.IGNORED: ignored} if ignored else {}
    arguments = ("{programs}/python_library.py", library, "{url}")
    return Probe(f"python-{library}", f"python {library}", "python3", arguments, (), fixes=fixes)


def _node(key: str, title: str, file: str) -> Probe:
    return Probe(key, title, "node", ("{programs}/" + file, "{url}"), (), fixes={Outcome.IGNORED: _NODE_OLD})


def _java(key: str, title: str) -> Probe:
    # A source file is run as it is, which takes the compiler.
    arguments = ("{programs}/Probe.java", "{url}", key.removeprefix("java-"))
    return Probe(key, title, "java", arguments, (), needs="javac")


PROBES = (
    Probe(
        "curl",
        "curl",
        "curl",
        ("-sS", "-o", "/dev/null", "--max-time", "8", "{url}"),
        fixes=dict.fromkeys(
            (Outcome.REFUSED, Outcome.IGNORED, Outcome.DIRECT),
            "`cacert` or `proxy` in ~/.curlrc override the variables",
        ),
    ),
    Probe(
        "wget",
        "wget",
        "wget",
        ("-q", "-O", "/dev/null", "--tries=1", "--timeout=8", "{url}"),
        fixes={Outcome.REFUSED: "SYSTEM_WGETRC names it, unless `ca_certificate` in ~/.wgetrc says otherwise"},
    ),
    Probe(
        "git",
        "git",
        "git",
        ("ls-remote", "{origin}/probe.git"),
        environ={"GIT_TERMINAL_PROMPT": "0"},
        fixes=dict.fromkeys(
            (Outcome.IGNORED, Outcome.DIRECT),
            "`git config --get-regexp 'http.*proxy'` shows what overrides the variables",
        ),
    ),
    Probe(
        "gh",
        "gh",
        "gh",
        ("api", "{url}"),
        environ={"GH_TOKEN": "none", "GH_NO_UPDATE_NOTIFIER": "1"},
    ),
    _python("urllib"),
    _python("requests"),
    _python("httpx"),
    _python("urllib3", "urllib3 reads no variables: use ProxyManager(os.environ['HTTPS_PROXY'])"),
    _python("aiohttp", "aiohttp reads the variables only with ClientSession(trust_env=True)"),
    Probe(
        "pip",
        "pip",
        "pip",
        (
            *("download", "--no-deps", "--no-cache-dir", "--retries", "0", "--timeout", "8", "-d", "{folder}"),
            *("--index-url", "{origin}/simple", _PACKAGE),
        ),
        environ={"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_EXTRA_INDEX_URL": "", "PIP_NO_INPUT": "1"},
        fixes={Outcome.REFUSED: "`pip config list` shows a `cert` that overrides PIP_CERT, if there is one"},
    ),
    Probe(
        "uv",
        "uv",
        "uv",
        (
            *("pip", "install", "--dry-run", "--no-cache", "--target", "{folder}/target"),
            *("--index-url", "{origin}/simple", _PACKAGE),
        ),
        environ={"UV_HTTP_TIMEOUT": "8", "UV_HTTP_RETRIES": "0", "UV_PYTHON_DOWNLOADS": "never"},
    ),
    _node("node-fetch", "node fetch", "fetch.mjs"),
    _node("node-https", "node https", "node-https.mjs"),
    Probe(
        "npm",
        "npm",
        "npm",
        (
            *("view", _PACKAGE, "--registry", "{origin}/", "--cache", "{folder}/cache"),
            *("--fetch-retries", "0", "--fetch-timeout", "8000", "--no-update-notifier"),
        ),
        fixes={Outcome.IGNORED: "`npm config get https-proxy` and `npm config get noproxy` show what overrides them"},
    ),
    Probe(
        "pnpm",
        "pnpm",
        "pnpm",
        ("view", _PACKAGE, "--registry", "{origin}/"),
        environ={"npm_config_fetch_retries": "0", "npm_config_update_notifier": "false"},
    ),
    Probe(
        "yarn",
        "yarn",
        "yarn",
        ("add", _PACKAGE),
        environ={"YARN_ENABLE_TELEMETRY": "0"},
        files={
            "package.json": '{"name": "probe", "private": true}\n',
            "yarn.lock": "",
            # Each is read by the versions that know its form.
            ".yarnrc": 'registry "{origin}/"\nnetwork-timeout 8000\ncache-folder "{folder}/cache"\n',
            ".yarnrc.yml": "npmRegistryServer: '{origin}'\nhttpRetry: 0\nhttpTimeout: 8000\n"
            "enableGlobalCache: false\nglobalFolder: '{folder}/global'\n",
        },
    ),
    Probe("bun", "bun", "bun", ("{programs}/fetch.mjs", "{url}"), (), environ={"DO_NOT_TRACK": "1"}),
    Probe(
        "deno",
        "deno",
        "deno",
        ("run", "--no-config", "--no-lock", "--allow-net", "{programs}/fetch.mjs", "{url}"),
        (),
        environ={"DENO_NO_UPDATE_CHECK": "1"},
    ),
    Probe(
        "go",
        "go",
        "go",
        ("mod", "download", "probe.example/none@v1.0.0"),
        ("version",),
        environ={
            "GOPROXY": "{origin}",
            "GOSUMDB": "off",
            "GOFLAGS": "-mod=mod",
            "GOTOOLCHAIN": "local",
            "GOTELEMETRY": "off",
            "GOPATH": "{folder}/go",
            "GOMODCACHE": "{folder}/go/mod",
            "GOCACHE": "{folder}/go/cache",
        },
        files={"go.mod": "module probe.example/main\n"},
        fixes={Outcome.REFUSED: "on macOS Go reads the keychain alone: `pipelock tls install-ca`"},
    ),
    Probe(
        "cargo",
        "cargo",
        "cargo",
        ("search", _PACKAGE, "--index", "sparse+{origin}/index/"),
        environ={"CARGO_HOME": "{folder}/cargo", "CARGO_NET_RETRY": "0", "CARGO_HTTP_TIMEOUT": "8"},
        config=((".cargo/config.toml", "cargo/config.toml"),),
    ),
    _java("java-url", "java URLConnection"),
    _java("java-client", "java HttpClient"),
    Probe(
        "ruby",
        "ruby Net::HTTP",
        "ruby",
        ("{programs}/net-http.rb", "{url}"),
        (),
        public_name=True,
    ),
    Probe(
        "php-curl",
        "php curl",
        "php",
        ("{programs}/curl.php", "{url}"),
        (),
        fixes={Outcome.REFUSED: "PHP_INI_SCAN_DIR names it, unless `curl.cainfo` is set later: see `php --ini`"},
    ),
    Probe(
        "php-streams",
        "php streams",
        "php",
        ("{programs}/streams.php", "{url}"),
        (),
        fixes={Outcome.IGNORED: "streams read no variables: the program itself must set a `proxy` in its context"},
    ),
    Probe(
        "perl-lwp",
        "perl LWP",
        "perl",
        ("{programs}/lwp.pl", "{url}"),
        (),
    ),
    Probe("perl-tiny", "perl HTTP::Tiny", "perl", ("{programs}/http-tiny.pl", "{url}"), ()),
    Probe(
        "docker",
        "docker (client)",
        "docker",
        ("manifest", "inspect", "{host}/probe/none:1"),
        environ={"DOCKER_CONFIG": "{folder}", "DOCKER_HOST": "unix://{folder}/no.sock"},
        public_name=True,
        fixes={Outcome.IGNORED: "the Docker daemon makes pulls by itself, with the proxy and store of its own service"},
    ),
    Probe(
        "aws",
        "aws",
        "aws",
        (
            *("s3api", "list-buckets", "--endpoint-url", "{origin}", "--no-sign-request", "--region", "us-east-1"),
            *("--cli-connect-timeout", "8", "--cli-read-timeout", "8"),
        ),
        environ={"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true"},
    ),
    Probe(
        "gcloud",
        "gcloud",
        "gcloud",
        ("storage", "buckets", "list", "--limit", "1"),
        environ={
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": "{origin}/storage/v1/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CORE_PROJECT": "probe",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_FILE_LOGGING": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        },
    ),
)


_FIXES = {
    Outcome.GOOD: "",
    Outcome.REFUSED: "settings of its own may name other authorities; most also read the system's store: "
    "`pipelock tls install-ca`",
    Outcome.DIRECT: "settings of its own may leave the proxy out; what never asks for one, only a sandbox can hold",
    Outcome.IGNORED: "settings of its own may say otherwise; if it reads no proxy variable, it has to be told there",
    Outcome.SILENT: "it opened a tunnel and closed it; start it by hand with the variables of `pipelock env`",
    Outcome.BLOCKED: "the proxy itself refused the request; please report this",
    Outcome.TIMED_OUT: "it did nothing within its time; start it by hand with the variables of `pipelock env`",
    Outcome.NOT_STARTED: "it can't be started",
    Outcome.MISSING: "",
}


def fix_for(probe: Probe, outcome: Outcome) -> str:
    """What helps, in one line; empty where nothing has to."""
    return probe.fixes.get(outcome, _FIXES[outcome])
