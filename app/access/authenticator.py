"""Who comes in: with a key as its project, without one only where none is needed."""

from __future__ import annotations

from app.access.identity import Identity, anonymous, identity_of, unknown_keys
from app.access.keyring import Keyring
from app.access.passwords import PasswordChecks
from app.access.sessions import PASSWORD, Session, Sessions, is_session
from app.access.tokens import prefix_of
from app.config import Settings, is_loopback
from app.errors import Unauthorized
from app.schemas.keys import SCOPES

__all__ = ["Authenticator"]


class Authenticator:
    """Decides, from the settings and the keys that were made, what a request may be."""

    def __init__(self, settings: Settings, keyring: Keyring, sessions: Sessions) -> None:
        self.keyring = keyring
        self.sessions = sessions
        self._checks = PasswordChecks()
        self._require = settings.require_keys
        self._loopback = is_loopback(settings.host)
        # Whoever comes over the network must not be able to make the first key and lock the owner out.
        self._anonymous = anonymous(SCOPES if self._loopback else ("ingest", "read"))

    async def admit(self, credential: str | None) -> Identity:
        """Return who sent a request with this key, or with none.

        Raises Unauthorized without a key where one is needed and for one that does not count, Unavailable
        while that cannot be known. What is no key of ours is ignored as long as none was ever made,
        because clients that cannot do without send whatever they have.
        """
        if credential is not None and is_session(credential):
            return await self.sessions.find(credential)
        made = await self.keyring.any_made()
        if made is None:
            return self._admit_unknown(credential)
        # A key of ours is looked up even if none is known: the first may have been made a moment ago.
        counts = made or self._require == "always" or _is_ours(credential)
        if credential is not None and counts:
            return identity_of(await self.keyring.find(credential))
        if self._require == "never" or (self._require == "auto" and not made):
            return self._anonymous
        raise Unauthorized(
            "Send a key as Authorization: Bearer or X-API-Key; `llm-monitor keys create` makes one."
        )

    def still_counts(self, identity: Identity) -> bool:
        """Tell whether a caller who was let in a while ago would be let in now with the same key."""
        prefix = identity.key.prefix if identity.key else identity.session
        return prefix in {None, PASSWORD} or self.keyring.active(prefix) is not None

    async def sign_in(self, project_id: str, password: str, *, client: str = "") -> tuple[str, Session]:
        """Begin a session of an admin; raises Unauthorized for a wrong password, as for a project without one.

        `client` is the network that asks (`app.access.slots.network_of`). Raises Overloaded when too many ask.
        """
        await self.keyring.any_made()
        known = self.keyring.password(project_id)
        right = await self._checks.is_password(password, known.hash if known else None, client=client)
        if not right or known is None:
            raise Unauthorized("Project and password do not belong together.")
        identity = Identity(project_id, frozenset(SCOPES), f"password of {project_id}")
        return await self.sessions.begin(identity, password_set_at=known.set_at)

    def _admit_unknown(self, credential: str | None) -> Identity:
        """Let records in on this machine alone, although nobody knows yet whether that needs a key."""
        if self._require == "always" or not self._loopback or _is_ours(credential):
            raise unknown_keys()
        return anonymous({"ingest"}, provisional=True)


def _is_ours(credential: str | None) -> bool:
    return credential is not None and prefix_of(credential) is not None
