"""`auth=`: who asks. Basic and bearer are one header; digest answers a challenge with a second request (RFC 7616)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_rtmedload.clients.response import Response

_FIELD: Final = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
_HASHES: Final = {"MD5": "md5", "MD5-SESS": "md5", "SHA": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}


class Auth(Protocol):
    """What `auth=` accepts besides `(name, password)` and a function."""

    def headers(self, method: str, target: str) -> Mapping[str, str]:
        """Headers of the request; `target` is its path and query."""

    def challenged(self, response: Response) -> bool:
        """Process a response with status 401; True when the request is worth sending again."""


class BasicAuth:
    """Name and password in every request."""

    def __init__(self, username: str, password: str = "") -> None:
        self._value = f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"

    def headers(self, method: str, target: str) -> Mapping[str, str]:  # noqa: ARG002 - the same for all
        """The Authorization header."""
        return {"Authorization": self._value}

    def challenged(self, response: Response) -> bool:  # noqa: ARG002 - there is no second attempt
        """Never worth another try."""
        return False


class BearerAuth(BasicAuth):
    """A token in every request."""

    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"


class DigestAuth:
    """Answers a server's challenge; later requests of the same object answer it at once.

    Each request counts its answers (`nc`), so one object belongs to one virtual user.
    """

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._challenge: dict[str, str] = {}
        self._count = 0

    def headers(self, method: str, target: str) -> Mapping[str, str]:
        """The Authorization header, once there was a challenge."""
        return {"Authorization": self._answer(method, target)} if self._challenge else {}

    def challenged(self, response: Response) -> bool:
        """Process the challenge; a new one (a stale nonce) is worth another try, the same one is not."""
        told = next((v for v in response.headers.get_list("www-authenticate") if v.lower().startswith("digest ")), "")
        fields = {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(told)}
        if not fields.get("nonce") or fields["nonce"] == self._challenge.get("nonce"):
            return False
        if fields.get("algorithm", "MD5").upper() not in _HASHES:
            return False
        self._challenge, self._count = fields, 0
        return True

    def _answer(self, method: str, target: str) -> str:
        told = self._challenge
        algorithm = told.get("algorithm", "MD5").upper()
        realm, nonce, client_nonce = told.get("realm", ""), told["nonce"], secrets.token_hex(8)

        def digest(text: str) -> str:
            return hashlib.new(_HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()

        first = digest(f"{self._username}:{realm}:{self._password}")
        if algorithm.endswith("-SESS"):
            first = digest(f"{first}:{nonce}:{client_nonce}")
        second = digest(f"{method}:{target}")
        fields = {"username": self._username, "realm": realm, "nonce": nonce, "uri": target}
        bare = {"algorithm": told["algorithm"]} if "algorithm" in told else {}
        if "auth" in re.split(r"\s*,\s*", told.get("qop", "")):
            self._count += 1
            counted = f"{self._count:08x}"
            fields["response"] = digest(f"{first}:{nonce}:{counted}:{client_nonce}:auth:{second}")
            fields["cnonce"] = client_nonce
            bare |= {"qop": "auth", "nc": counted}
        else:
            fields["response"] = digest(f"{first}:{nonce}:{second}")
        if "opaque" in told:
            fields["opaque"] = told["opaque"]
        parts = [f'{name}="{value}"' for name, value in fields.items()] + [f"{n}={v}" for n, v in bare.items()]
        return "Digest " + ", ".join(parts)


class _Function:
    """A function of the test that returns the headers."""

    def __init__(self, function: Callable[[str, str], Mapping[str, str]]) -> None:
        self.headers = function

    def challenged(self, response: Response) -> bool:  # noqa: ARG002 - a function is asked once
        """Never worth another try."""
        return False


def auth_of(given: object) -> Auth:
    """The value of `auth=` as an object that makes headers.

    Args:
        given: `(name, password)`, an `Auth`, or a function of method and target that returns headers.

    Raises:
        TypeError: something else; one line.
    """
    if isinstance(given, tuple) and len(given) == 2:
        return BasicAuth(*map(str, given))
    if hasattr(given, "headers") and hasattr(given, "challenged"):
        return given
    if callable(given) and not hasattr(given, "auth_flow"):
        return _Function(given)
    raise TypeError(
        f"auth={type(given).__name__}: give (name, password), pytest_rtmedload.BearerAuth(token), "
        "pytest_rtmedload.DigestAuth(name, password), or a function of method and target that returns headers; "
        "a client of your own takes any other: load.observe(httpx.AsyncClient(auth=…))"
    )
