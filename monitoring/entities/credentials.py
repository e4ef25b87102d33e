"""Keys and tokens by the forms their vendors document, those of this product first, and private keys."""

from __future__ import annotations

import math
from collections import Counter

from monitoring.entities.recognizer import Grade, Judge, Recognizer

__all__ = ["KEYS", "TOKENS", "entropy", "is_placeholder"]

_EXAMPLES = (
    "example",
    "xxxx",
    "your",
    "placeholder",
    "12345678",
    "abcdef",
    "....",
    "****",
    "redacted",
    "dummy",
    "fake",
)
# A random key of 20 characters has over 3.5 bits a character; words and fillers have less.
_MIN_ENTROPY = 3.0
# Its keys are random: a word such as "fake" stands in one of them by chance.
_OWN = "llm_monitor"

# Vendor, and the form of its secret.
_VENDORS: tuple[tuple[str, str], ...] = (
    # app/access/tokens.py and sessions.py mint these.
    (_OWN, r"lm_[0-9a-f]{12}_[A-Za-z0-9_-]{43}|ls_[A-Za-z0-9_-]{43}"),
    ("aws", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    ("github", r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}"),
    ("gitlab", r"gl(?:pat|dt|rt|ptt|ft|soat)-[A-Za-z0-9_-]{20,}"),
    ("slack", r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{20,}"),
    ("slack", r"hooks\.slack\.com/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{20,28}"),
    ("stripe", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{24,}"),
    (
        "openai",
        r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",
    ),
    ("openai", r"sk-[A-Za-z0-9]{32,}"),
    ("anthropic", r"sk-ant-[a-z0-9]{3,12}-[A-Za-z0-9_-]{20,}"),
    ("openrouter", r"sk-or-v1-[a-f0-9]{40,}"),
    ("google", r"AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{20,}"),
    ("sendgrid", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    ("twilio", r"(?:SK|AC)[0-9a-f]{32}"),
    ("mailgun", r"key-[0-9a-f]{32}"),
    ("mailchimp", r"[0-9a-f]{32}-us\d{1,2}"),
    ("npm", r"npm_[A-Za-z0-9]{36}"),
    ("pypi", r"pypi-[A-Za-z0-9_-]{50,}"),
    ("huggingface", r"hf_[A-Za-z0-9]{30,40}|api_org_[A-Za-z]{34}"),
    ("digitalocean", r"do[opr]_v1_[0-9a-f]{64}"),
    ("shopify", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    ("square", r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_-]{60}"),
    ("telegram", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    ("discord", r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}"),
    ("databricks", r"dapi[0-9a-f]{32}(?:-\d)?"),
    ("azure", r"AccountKey=[A-Za-z0-9+/]{86}==|[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34}"),
    ("linear", r"lin_(?:api|oauth)_[A-Za-z0-9]{40,}"),
    ("notion", r"(?:ntn_|secret_)[A-Za-z0-9]{40,50}"),
    ("postman", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    ("doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9]{40,44}"),
    ("vault", r"hv[sbr]\.[A-Za-z0-9_-]{24,}"),
    ("terraform", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,}"),
    ("grafana", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|glc_[A-Za-z0-9+/]{32,}"),
    ("newrelic", r"NRAK-[A-Z0-9]{27}"),
    ("sentry", r"sntry[su]_[A-Za-z0-9+/=_]{40,}"),
    ("groq", r"gsk_[A-Za-z0-9]{48,56}"),
    ("xai", r"xai-[A-Za-z0-9]{70,}"),
    ("replicate", r"r8_[A-Za-z0-9]{37}"),
    ("perplexity", r"pplx-[A-Za-z0-9]{40,56}"),
    ("supabase", r"sbp_[0-9a-f]{40}"),
    ("figma", r"figd_[A-Za-z0-9_-]{40,44}"),
    ("atlassian", r"ATATT3[A-Za-z0-9_=-]{60,}"),
    ("docker", r"dckr_pat_[A-Za-z0-9_-]{27}"),
    ("rubygems", r"rubygems_[0-9a-f]{48}"),
    ("planetscale", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{32,}"),
    ("airtable", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    ("age", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    ("dynatrace", r"dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    ("langsmith", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    ("pinecone", r"pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{50,}"),
    ("facebook", r"EAACEdEose0cBA[A-Za-z0-9]{20,}"),
    ("cloudflare", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}"),
    ("jwt", r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{16,}"),
)


def entropy(text: str) -> float:
    """Return Shannon's entropy of the characters, in bits a character."""
    total = len(text)
    return -sum(count / total * math.log2(count / total) for count in Counter(text).values())


def is_placeholder(text: str, *, entropic: bool = True) -> bool:
    """Tell an example from a secret by the words in it and, where asked to, by its entropy."""
    lowered = text.lower()
    return any(word in lowered for word in _EXAMPLES) or (entropic and entropy(text) < _MIN_ENTROPY)


def _own(text: str) -> Grade | None:
    """Grade a key or session of this product: random, so letters of both cases are in it."""
    if text[3:].islower() or text[3:].isupper():
        return None
    return (
        Grade(0.2, 0.3, "placeholder_llm_monitor")
        if entropy(text[-24:]) < _MIN_ENTROPY
        else Grade(0.95, 0.98, _OWN)
    )


def _vendor(name: str) -> Judge:
    def judge(text: str) -> Grade | None:
        if name == _OWN:
            return _own(text)
        if is_placeholder(text[-24:]):
            return Grade(0.2, 0.3, f"placeholder_{name}")
        return Grade(0.6, 0.9, name) if name in _LOOSE else Grade(0.95, 0.98, name)

    return judge


# Forms that other identifiers share.
_LOOSE = frozenset({"twilio", "mailchimp", "azure", "discord"})


def _private_key(text: str) -> Grade:
    return Grade(0.95, 0.98) if "..." not in text else Grade(0.2, 0.3, "placeholder")


_KEY_WORDS = (
    "key",
    "token",
    "secret",
    "api key",
    "apikey",
    "credential",
    "credentials",
    "bearer",
    "authorization",
)

TOKENS = tuple(
    Recognizer(
        "API_KEY",
        rf"({form})" if vendor == _OWN else rf"\b({form})",
        _vendor(vendor),
        _KEY_WORDS,
        nature="token",
    )
    for vendor, form in _VENDORS
)
KEYS = (
    Recognizer(
        "PRIVATE_KEY",
        # Line ends may be escaped, as in JSON inside JSON; a key that was cut is taken as far as it goes.
        r"(-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[A-Za-z0-9+/=\s\\:,.-]{0,}?-----END [A-Z0-9 ]{0,40}-----|(?:(?:\s|\\[nr]){0,4}[A-Za-z0-9+/=]{16,}){0,})?)",
        _private_key,
        nature="token",
    ),
)
