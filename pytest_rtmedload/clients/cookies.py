"""The cookies of one virtual user: what servers set is sent back to them, by HTTP and by WebSocket alike (RFC 6265)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyreqwest.cookie import CookieStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyreqwest.http import Url


class Cookies:
    """A cookie jar with httpx's names.

    A cookie that `set` adds without a domain is sent to every host, as in httpx; a cookie set by a server is sent back
    to that server only.
    """

    def __init__(self) -> None:
        self.store = CookieStore()
        """The cookies with a domain; pyreqwest reads and updates it by itself."""
        self.everywhere: dict[str, str] = {}
        """Cookies for every host."""

    def set(self, name: str, value: str, domain: str = "", path: str = "/") -> None:
        """Add a cookie.

        Args:
            name: its name.
            value: its value, as it is sent.
            domain: the host it is sent to; empty for every host.
            path: the path below which it is sent.
        """
        if domain:
            self.store.insert(f"{name}={value}; Path={path}; Domain={domain}", f"http://{domain}{path}")
        else:
            self.everywhere[name] = value

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of a cookie, whatever host it is for."""
        return self._values().get(name, default)

    def delete(self, name: str) -> None:
        """Remove a cookie from every host."""
        self.everywhere.pop(name, None)
        for cookie in self.store.get_all_any():
            if cookie.name == name:
                self.store.remove(cookie.domain or "", cookie.path or "/", name)

    def clear(self) -> None:
        """Remove all cookies."""
        self.everywhere.clear()
        self.store.clear()

    def update(self, cookies: Mapping[str, str]) -> None:
        """Add cookies for every host."""
        self.everywhere.update(cookies)

    def items(self) -> list[tuple[str, str]]:
        """Names and values."""
        return list(self._values().items())

    def header(self, url: Url | str, extra: Mapping[str, str]) -> str:
        """The `Cookie` header of one request; empty when there is nothing to send.

        Args:
            url: where it goes, http or https.
            extra: cookies of this request alone; they replace kept ones of the same name.
        """
        values = self.everywhere | {cookie.name: cookie.value for cookie in self.store.matches(url)} | dict(extra)
        return "; ".join(f"{name}={value}" for name, value in values.items())

    def keep(self, url: Url | str, lines: list[str]) -> None:
        """Keep what a server has set; a line that is not a cookie is left out, as browsers do.

        Args:
            url: what was asked, http or https.
            lines: values of `Set-Cookie`.
        """
        for line in lines:
            try:
                self.store.insert(line, url)
            except ValueError:
                continue

    def _values(self) -> dict[str, str]:
        return self.everywhere | {cookie.name: cookie.value for cookie in self.store.get_all_unexpired()}

    def __getitem__(self, name: str) -> str:
        return self._values()[name]

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        self.delete(name)

    def __contains__(self, name: object) -> bool:
        return name in self._values()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def __repr__(self) -> str:
        return f"<Cookies {', '.join(self)}>"  # names only: values may be secret
