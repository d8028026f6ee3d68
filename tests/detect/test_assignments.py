"""Secrets told by their names: many spellings, what must stay clean, what a finding shows, and the cost of bad text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect._assignment_names import read_name
from pipelock.detect._assignment_values import key_strength, password_strength, unwrapped
from pipelock.detect._data import words_of
from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner

NAMED = {"Secret Assignment", "Password Assignment", "Command-line Login"}
KEY = "mB7xT2qLw9Zr4KdVs8Pn"
CHOSEN = "tr0mbone!Case"


@pytest.fixture(scope="module", params=[True, False], ids=["native", "linear"])
def scan(request):
    return SecretScanner(RuleSet.builtin("credentials"), native=request.param).scan


def denied(findings):
    return [finding for finding in findings if not finding.warns]


# One spelling a line; `\n` is a line end.
KEYS = r"""
api_key = "VALUE"
apiKey: 'VALUE',
API_KEY=VALUE
const apiKey: string = "VALUE";
let apiKey: String = "VALUE"
const val API_KEY = "VALUE"
public const string ApiKey = "VALUE";
private static final String API_KEY = "VALUE";
pub const API_KEY: &'static str = "VALUE";
static char api_key[] = "VALUE";
#define API_KEY "VALUE"
NSString *apiKey = @"VALUE";
define('API_KEY', 'VALUE');
'api_key' => 'VALUE',
:api_key => "VALUE",
(def api-key "VALUE")
$env:API_KEY = "VALUE"
setx API_KEY VALUE
ENV API_KEY VALUE
os.environ["API_KEY"] = "VALUE"
os.Setenv("API_KEY", "VALUE")
client = Client(api_key=b"VALUE")
headers = {"X-Api-Key": "VALUE"}
-H 'Authorization: Bearer VALUE'
--api-key VALUE
--token "VALUE"
app.service.api-key = VALUE
<apiKey>VALUE</apiKey>
<apiKey>\n    VALUE\n</apiKey>
<add key="ApiKey" value="VALUE" />
<entry key="api.key">VALUE</entry>
<key>apiKey</key>\n\t<string>VALUE</string>
- name: API_KEY\n  value: VALUE
- name: API_KEY\n  value: "VALUE"
variable "api_key" {\n  default = "VALUE"\n}
{"name": "API_KEY", "value": "VALUE"}
{\"apiKey\": \"VALUE\"}
Sys.setenv(API_KEY = "VALUE")
api_key <- "VALUE"
apiKey := `VALUE`
acmeTOKEN ::= "VALUE"
acme_TOKEN :::= "VALUE"
$acmeToken .= "VALUE"
ACME_SECRET ?= VALUE
acme_key = '''VALUE'''
if (token == "VALUE") {
my api key is VALUE
the token is: VALUE
acme SECRET VALUE
acmeSECRET-VALUE
mailgun private VALUE
"""


@pytest.mark.parametrize("line", KEYS.strip().split("\n"))
def test_a_random_value_given_to_a_secret_name_is_found_in_any_spelling(scan, line):
    text = line.replace("\\n", "\n").replace("VALUE", KEY)
    assert denied(scan(text, "body")), text


@pytest.mark.parametrize("text", [
    'password = "PW"', "password: PW", "db.password=PW", "<password>PW</password>", '"adminPassword": "PW"',
    "mysql --password PW", "ALTER USER app WITH PASSWORD 'PW'", 'connect(password="PW")', "PGPASSWORD=PW psql",
    'set("db.password", "PW")', "The password is PW", "curl -u me:PW https://host.test", "passphrase => 'PW'",
    "$smtpPassword = 'PW';", "senha: 'PW'",
])  # fmt: skip
def test_a_chosen_password_is_found_in_any_spelling(scan, text):
    assert denied(scan(text.replace("PW", CHOSEN), "body")), text


@pytest.mark.parametrize("text", [
    # references, calls, types
    "token = get_token(request2)", "api_key = settings.API_KEY_2", "apiKey: process.env.API_KEY", "token: $TOKEN_1",
    'password = os.environ["DB_PASSWORD"]', "token: ${{ secrets.DEPLOY_TOKEN_2 }}", "token = var.github_token_v2",
    "password: string", "readonly apiKey: string | undefined;", "privateKey: ed25519.Ed25519PrivateKey",
    "password = getpass.getpass()", "auth = HTTPBasicAuth(user1, password1)", "token = tokens[i0]", "pass=%PASSWORD%",
    "secretKeyRef:\n  name: app-secrets-v2\n  key: api-key-v2", "password: {{ vault_password_1 }}",
    # placeholders
    'api_key="your-api-key-1234567890"', "TOKEN=xxxxxxxxxxxxxxxxxxxx1", 'password = "changeme123"', "key: <API_KEY_1>",
    'password: "password"', 'password = "example-password-1"', "api_key: ...abc123...",
    # names that only sound like secrets
    "max_tokens: 4096000000000000000", "next_page_token=ADO9VJlGa7uxDpTI83kd", 'csrf_token: "q8w2e7r1t6y5u3i9o4p0"',
    'authenticity_token" value="q8w2e7r1t6y5u3i9o4p0"', "token_type: bearer2q8w2e7r1t6y5", "tokenizer: gpt2-medium-1",
    "cache_key = q8w2e7r1t6y5u3i9o4p0", "primary_key: q8w2e7r1t6y5u3i9o4p0", "public_key=q8w2e7r1t6y5u3i9o4p0",
    "sort_key: q8w2e7r1t6y5u3i9o4p0", "keyboard: q8w2e7r1t6y5u3i9o4p0", "author: q8w2e7r1t6y5u3i9o4p0",
    "monkey = q8w2e7r1t6y5u3i9o4p0", "token_expires_at: 17000000000000000", "my GPG key: 9F3A5C0B7D2E41688A6F5D3C",
    "Sec-WebSocket-Key: q8w2e7r1t6y5u3i9o4p0w2==", "passwordPolicy: min8-upper1!", "password_hash_rounds: 12!abc",
    # values that are no secrets
    'key: "/usr/share/app/keys/v1/main2.pem"', 'integrity: "sha512-q8w2e7r1t6y5u3i9o4p0aa"', "token: 2024-01-02T03:04:05Z",
    "key: https://host.test/a1b2c3d4e5f6a7b8c9d0", "secretName: my-app-secret-v2", "api_version: 2023-10-31-preview.1",
    "ssh_key: AAAAB3NzaC1yc2EAAAADAQABAAABgQC7x1", "token: 'a1'", "key: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1", "apiToken: src/auth/token.service.ts",
    "auth: sha256WithRSAEncryption2048", "password: 'not my password'",
    # prose and lists
    "pass `strict=True` to fail early", "password is required!", "password is base64-encoded",
    '["user", "password", "scram-sha-256"]', "def f(user, password, domain1=None):", "<password>@proxy-host1",
    "the commit a94a8fe5ccb19ba61c4c0873d391e987982fbbd3 adds a token",
])  # fmt: skip
def test_ordinary_text_stays_clean(scan, text):
    assert [finding.rule for finding in scan(text, "body") if finding.rule in NAMED] == []


def test_names_are_judged_by_their_last_secret_word_and_what_stands_around_it():
    table = {
        b"apiToken": 3, b"OKTA_API_KEY": 3, b"clientSecret": 3, b"secret": 3, b"dbPassword": 3, b"acme_key": 2,
        b"authorization": 2, b"key": 1, b"login": 1, b"token_type": 0, b"pageToken": 0, b"primaryKey": 0,
        b"passwordHash": 0, b"keyboard": 0, b"": 0, b"our_api_token_7": 3, b"token_for_robots": 2,
    }  # fmt: skip
    assert {name: read_name(name).level for name in table} == table


def test_a_uuid_that_names_a_call_is_no_token_but_another_value_is(scan):
    uuid = "7d20c9e4-51ab-4f3e-8c60-b1d9f24a7e85"
    assert not scan(f'"clientToken": "{uuid}"', "body")
    assert denied(scan('"clientToken": "q8w2e7r1t6y5u3i9o4p0"', "body"))
    assert denied(scan(f'"accessToken": "{uuid}"', "body"))
    assert not read_name(b"clientId").handle


def test_a_type_written_with_colons_is_no_name_of_a_secret(scan):
    assert not scan('"Vendor::Gateway::ApiKey": "4d0be25f8a36d41c7e90"', "body")
    assert denied(scan('Vendor::apiKey = "4d0be25f8a36d41c7e90"', "body"))


@pytest.mark.parametrize("value", ["f3a90b6c-42d7-19e8-5b0c-EXAMPLE40404", "2YotnFZFEjr1zCsicMWpAA"])
def test_what_manuals_and_standards_print_is_no_key(scan, value):
    assert not scan(f'access_token = "{value}"', "body")
    assert denied(scan(f'access_token = "{value[:-3]}q7Z"', "body"))


def test_cells_of_a_table_are_no_card_but_cards_in_rows_are(scan):
    card = "4012 8888 8888 1881"
    assert not scan(f"4E9F 4EA2 51C9 {card} 51CA 7AD1 20C1E", "body")
    assert denied(scan(f"{card}\n6011 1111 1111 1117\n5555 5555 5555 4444", "body"))
    assert denied(scan(f"name pan expiry\nAda {card} 0927", "body"))
    assert denied(scan(f"4E9F 4EA2 51C9 {card.replace(' ', '')} 51CA 7AD1 20C1E", "body"))


def test_names_tell_vendor_capitals_and_kind():
    assert read_name(b"cloudflareApiKey").vendor == "cloudflare"
    assert read_name(b"news_api_key").vendor == "newsapi"
    assert read_name(b"acmeSECRET").loud
    assert not read_name(b"acmeSecret").loud
    assert read_name(b"rootPassword").password
    assert not read_name(b"rootToken").password


def test_key_strength_grows_with_chance():
    table = {
        b"q8w2e7r1t6y5": 2, b"q8w2e7r1t6y5u3i9": 3, b"9d41c07be25f8a36d41c": 3, b"5f2b8c1e-77a4-4d0b-9e63-2c41f08ad75b": 3,
        b"123456789012345": 2, b"12345678901234": 0, b"my-service-account": 0, b"us-east-1a": 0, b"getTokenFromHeader": 0,
        b"00000000000000000001": 0, b"/a/b1/c2/d": 0, b"https://h.test/q8w2e7r1t6y5u3i9": 0, b"": 0,
    }  # fmt: skip
    assert {value: key_strength(value) for value in table} == table


def test_password_strength_wants_a_sign_or_a_digit():
    assert password_strength(b"kite7Lantern", quoted=True) == 2
    assert password_strength(b"lanternkite", quoted=True) == 1
    assert password_strength(b"lanternkite", quoted=False) == 0
    assert password_strength(b"password1", quoted=True) == 0
    assert password_strength(b"obj.field", quoted=False) == 0


def test_words_in_base64_are_read_as_the_words():
    assert unwrapped(b"bXkgZG9nIGlzIG9sZA==") == b"my dog is old"
    assert unwrapped(b"q8w2e7r1t6y5u3i9o4p!") == b"q8w2e7r1t6y5u3i9o4p!"


def test_a_weak_password_and_one_of_a_manual_only_warn(scan):
    assert [finding.warns for finding in scan('password = "lanternkite"', "body")] == [True]
    assert [finding.warns for finding in scan("user@example.com, password='kite7Lantern'", "body")] == [True]
    assert [finding.warns for finding in scan('"password": "mirror_password1"', "body")] == [True]
    netrc = "machine {} login kim password kite7Lantern"
    assert [finding.warns for finding in scan(netrc.format("example.org"), "body")] == [True]
    assert not scan(netrc.format("hub.kite-works.net"), "body")[0].warns


def test_the_finding_names_the_name_and_covers_the_value_alone(scan):
    text = f'intro\nnews_api_key = "{KEY}"\n'
    (found,) = scan(text, "body")
    assert text[found.span.start : found.span.end] == KEY
    assert "'news_api_key', of newsapi" in found.message
    assert KEY not in repr(found)


def test_a_name_that_may_be_a_secret_itself_is_not_shown(scan):
    found = denied(scan(f"z9q8w2e7r1t6y5u3i9o4p0_token = {KEY}", "body"))
    assert found
    assert "z9q8w2" not in repr(found)


def test_what_its_form_tells_is_not_told_again_by_its_name(scan):
    found = scan("github_token = ghp_4Z8fq2LtW0xJc6Rb1Vn5Ys9Kd3Hm7Pa2Tg8Q", "body")
    assert [finding.rule for finding in found] == ["GitHub Token"]


def test_a_key_may_travel_to_its_vendor_whatever_it_is_called(scan):
    text = '{"api_key": "sk-ant-api03-Zq8LtW0xJc6Rb1Vn5Ys9Kd3Hm7Pa2Tg8Q"}'
    assert scan(text, "body", host="api.anthropic.com", content_type="application/json") == ()
    assert scan(text, "body", host="api.anthropic.com.host.test", content_type="application/json")


@pytest.mark.parametrize("place", ["url", "url:query", "header:cookie", "headers"])
def test_urls_and_headers_that_travel_are_left_to_their_own_layers(scan, place):
    assert scan(f"session_token={KEY}", place) == ()


def test_values_that_were_joined_are_no_assignment(scan):
    assert scan('{"a": "token=q8w2e7r1", "b": "t6y5u3i9o4p0"}', "body", content_type="application/json") == ()


def test_a_hidden_assignment_is_found_where_it_is_decoded(scan):
    found = scan("YWNtZV9zZWNyZXQgPSAibUI3eFQycUx3OVpyNEtkVnM4UG4i", "body")
    assert [(finding.rule, finding.path) for finding in found] == [("Secret Assignment", ("base64",))]


def test_manuals_and_badges_hold_no_credentials_but_urls_that_travel_do(scan):
    for text in (
        "see http://docs.example.com/x?token=4AFrjWZfIUekWvPr",
        "![b](https://ci.host.test/b.svg?token=4AFrjWZfIU)",
    ):
        assert [finding.warns for finding in scan(text, "text")] == [True]
    assert denied(scan("http://docs.example.com/x?token=4AFrjWZfIUekWvPr", "url"))
    assert denied(scan("see http://notexample.com/x?token=4AFrjWZfIUekWvPr", "text"))


def test_word_lists_are_lower_case_and_apart():
    for name in ("secret", "qualifier", "notkey", "after", "neutral", "password", "vendor", "manual"):
        assert words_of(name)
        assert all(word == word.lower() for word in words_of(name))
    assert words_of("secret").isdisjoint(words_of("after"))
    with pytest.raises(KeyError):
        words_of("no such list")


LINEAR = SecretScanner(
    RuleSet(tuple(rule for rule in RuleSet.builtin("credentials").rules if rule.name in NAMED)), native=False
)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="tokenkeypasswordsecretapi_-.:=<>/\"'`, \n\\AZ09{}()[]|!?", max_size=120))
def test_no_text_breaks_the_judges(text):
    for finding in LINEAR.scan(text, "body"):
        assert finding.span is None or 0 <= finding.span.start < finding.span.end <= len(text)


@pytest.mark.parametrize("line", [
    "key=", "token", "token-key-secret-", 'password: "a1b2', "token = word1word2\n", "api_key_id = 9d41c07be25f8a36d41c\n",
    "<token>", "key-a-b-c-d-e-f-g-h-i-j-", "key>          ", "pass=key=token=", " -u a:b1c2d3e4", "secret ", "password=aaaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
])  # fmt: skip
def test_the_cost_is_linear_in_the_size_of_the_worst_text(line):
    def cost(size):
        data = (line * (size // len(line) + 1))[:size].encode()
        best = 9.0
        for _ in range(2):
            start = time.process_time()
            LINEAR.scan(data, "body")
            best = min(best, time.process_time() - start)
        return best

    assert cost(80_000) < 12 * cost(20_000) + 0.01
