"""Secrets: keys of this product, and whatever a name, a header or an option gives away."""

from __future__ import annotations

import base64
import secrets

import pytest

from app.access.sessions import is_session
from app.access.tokens import mint_token, prefix_of
from monitoring.entities import find_entities
from monitoring.privacy.redaction import Redaction


def found(text: str) -> set[tuple[str, str]]:
    least = Redaction().confidence
    return {(one.type, text[one.start : one.end]) for one in find_entities(text) if one.confidence >= least}


AROUND = (
    "{}",
    "key={}",
    "KEY_{}",
    '{{"key": "{}"}}',
    "https://x.io/?k={}",
    "\u0431\u0443\u043a\u0432\u044b {}!",
    r"\n{}\n",
)


@pytest.mark.parametrize("around", AROUND)
def test_keys_and_sessions_of_this_product_are_found(around: str) -> None:
    for _ in range(20):
        key, session = mint_token().text, f"ls_{secrets.token_urlsafe(32)}"
        assert prefix_of(key)
        assert is_session(session)
        assert found(around.format(key)) == {("API_KEY", key)}
        assert found(around.format(session)) == {("API_KEY", session)}


def test_a_key_without_a_digit_is_found() -> None:
    # One in a thousand random ones has none.
    session = "ls_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ-_AbCdEfGhIjKlMnO"
    assert is_session(session)
    assert found(f"cookie {session}") == {("API_KEY", session)}


@pytest.mark.parametrize("prefix", ["013f620bc081", "7c36da220104", "f13f620bc08f", "abcdefabcdef"])
@pytest.mark.parametrize(
    "form",
    [
        "lm%5F{}%5F{}",
        "lm_{}%5F{}",
        "lm%5f{}_{}",
        "%6Cm_{}_{}",
        "l%6D_{}_{}",
        "lm&lowbar;{}&lowbar;{}",
        "lm&#95;{}&#x5f;{}",
        "lm%255F{}%255F{}",
    ],
)
def test_a_key_in_an_escape_is_found(form: str, prefix: str) -> None:
    key = form.format(prefix, "EQQEAr11tR2XrWarHmNkQhLbW-zhexKauqoGxUSYTVE")
    assert found(key) == {("API_KEY", key)}


def test_a_hyphen_in_an_escape_is_read() -> None:
    key = "lm_abcdefabcdef_EQQEAr%2DtRXrWarHmNkQhLbW%2DzhexKauqoGxUSYTVEab"
    assert found(key) == {("API_KEY", key)}


@pytest.mark.parametrize(
    "text",
    [
        "lm_0123456789ab",
        "ls_command_output_of_the_directory_listing_is_here_now",
        "lm_head_weights_and_other_parameters_of_the_model_layer",
        "LM_0123456789AB_THE_NAME_OF_A_VERY_LONG_CONSTANT_OF_SOME_PROGRAM_HERE",
        f"lm_0123456789ab_{'x' * 43}",
    ],
)
def test_other_names_of_that_form_stay(text: str) -> None:
    assert found(text) == set()


RANDOM = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYkd83jsLq0z"
BASIC = base64.b64encode(b"jane:s3cr3t").decode()


@pytest.mark.parametrize(
    ("text", "kind", "secret"),
    [
        (f"AWS_SECRET_ACCESS_KEY={RANDOM}", "API_KEY", RANDOM),
        (f"aws_secret_access_key = {RANDOM}", "API_KEY", RANDOM),
        ("DATABASE_PASSWORD=hunter2horse", "PASSWORD", "hunter2horse"),
        ("DATABASE_PASSWORD=letmein", "PASSWORD", "letmein"),
        ("export DB_PASS='s3cr3t!'", "PASSWORD", "s3cr3t!"),
        ("docker run -e MYSQL_ROOT_PASSWORD=my-s3cret mysql", "PASSWORD", "my-s3cret"),
        ("PGPASSWORD=hunter2x psql", "PASSWORD", "hunter2x"),
        ("password: s3cr3tpw", "PASSWORD", "s3cr3tpw"),
        ("The password is 58394839.", "PASSWORD", "58394839."),
        ("Mein Passwort lautet m0nd!Licht", "PASSWORD", "m0nd!Licht"),
        ("Passwort war Sommer$2019x", "PASSWORD", "Sommer$2019x"),
        ("La contraseña es Perro_Azul77", "PASSWORD", "Perro_Azul77"),
        ("Le mot de passe est Tulipe#93", "PASSWORD", "Tulipe#93"),
        ("log in with the password 9Kq-Lemon_Tree", "PASSWORD", "9Kq-Lemon_Tree"),
        ('"password": "letmein99"', "PASSWORD", "letmein99"),
        ('"db_password" : "letmein"', "PASSWORD", "letmein"),
        (r"{\"password\": \"letmein99\"}", "PASSWORD", "letmein99"),
        ("dbPassword: 'correct horse 9'", "PASSWORD", "correct horse 9"),
        ("spring.datasource.password=hunter2pw", "PASSWORD", "hunter2pw"),
        ("<password>hunter2pw</password>", "PASSWORD", "hunter2pw"),
        ("Server=db;User Id=sa;Password=Sup3rS3cret;", "PASSWORD", "Sup3rS3cret"),
        ("jdbc:mysql://h/db?user=root&password=s3cr3tpw", "PASSWORD", "s3cr3tpw"),
        ("tool --password=hunter2pw run", "PASSWORD", "hunter2pw"),
        ("tool --db-password hunter2pw run", "PASSWORD", "hunter2pw"),
        ("\u5bc6\u7801\uff1ahunter2pw", "PASSWORD", "hunter2pw"),
        ("password%3Dhunter2pw", "PASSWORD", "hunter2pw"),
        (f"Authorization: Basic {BASIC}", "PASSWORD", BASIC),
        (f'{{"Authorization": "Basic {BASIC}"}}', "PASSWORD", BASIC),
        (f'headers["Authorization"] = "Basic {BASIC}"', "PASSWORD", BASIC),
        ("Authorization: Bearer a8f3kd93jf02kd", "API_KEY", "a8f3kd93jf02kd"),
        ("curl -H 'X-API-Key: 9f8a7s6d5f4g'", "API_KEY", "9f8a7s6d5f4g"),
        ("JWT_SECRET=myjwtsecret42", "API_KEY", "myjwtsecret42"),
        ('client_secret: "a1b2c3d4e5"', "API_KEY", "a1b2c3d4e5"),
        ("curl -u admin:s3cr3tpw https://x.io", "URL_CREDENTIALS", "admin:s3cr3tpw"),
        ("redis://:s3cr3tpw@redis.io:6379/0", "URL_CREDENTIALS", ":s3cr3tpw"),
        ("postgres://app:p@ss0rd!@db.corp.net/x", "URL_CREDENTIALS", "app:p@ss0rd!"),
        ("KEY=-----BEGIN PRIVATE KEY-----", "PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----"),
    ],
)
def test_a_secret_behind_its_name_is_found(text: str, kind: str, secret: str) -> None:
    assert found(text) == {(kind, secret)}


@pytest.mark.parametrize(
    "text",
    [
        "PASSWORD=",
        "PASSWORD=\nUSER=app1",
        "PASSWORD=<your-password>",
        "PASSWORD=$PASSWORD",
        'PASSWORD="${DB_PASSWORD_1}"',
        "PASSWORD=$(cat /run/secrets/pw1)",
        "PASSWORD=%PASSWORD%",
        "PASSWORD_FILE=/run/secrets/db_password_1",
        "DB_PASSWORD=/run/secrets/db_password_1",
        "DB_PASSWORD=changeme",
        "password must have 8 characters",
        "use the password hash SHA-256 here",
        "the password SHA-256 computes, and 12 more",
        "Passwort lautet wie im Brief vom 3. Mai",
        "Password: must have 8 characters",
        "Password: required",
        "The password is incorrect!",
        'os.environ["API_KEY"]',
        'api_key=os.environ["OPENAI_API_KEY_2"]',
        'password = os.environ["DB_PASSWORD1"]',
        "password = getpass.getpass()",
        "password = config.database.password1",
        "login(user=user1, password=password)",
        "this.password = user.password1;",
        'def login(password: str = "") -> int: 12345678',
        '"password": "string"',
        '"password": "Passwort"',
        '"password": "Enter your password"',
        "password: {{ vault_password_1 }}",
        "password=%(password)s",
        "commit 9f8e7d6c5b4a39281706f5e4d3c2b1a098765432\n    Rotate the secret key",
        "9f8e7d6c5b4a Rotate password and token",
        "max_tokens=4096, pad_token='[PAD]'",
        "PASS=1234 FAIL=0",
        "PWD=/home/user1/project OLDPWD=/home/user2",
        "docker run -u 1000:1000 --user node:node image",
        "Authorization: Bearer <token>",
        "Authorization: Bearer $TOKEN_1",
        "Authorization: Bearer YOUR_API_KEY_1",
        "Authorization: Basic <credentials>",
        'headers = {"Authorization": f"Bearer {api_key1}"}',
        "Basic authentication is simple, a bearer token is not",
        "existingSecret: postgres-credentials",
        "postgres://db.corp.net:5432/x",
        "-----BEGIN PUBLIC KEY-----",
    ],
)
def test_what_only_speaks_of_a_secret_stays(text: str) -> None:
    assert found(text) == set()
