"""What a server is told before it starts, checked: where it listens, who may ask, how much at once, what it keeps."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from evenhand.errors import BadInput
from evenhand.files import read_plain, why

KEY_VARIABLE = "EVENHAND_API_KEY"
SHORTEST_KEY = 16  # characters; a shorter one can be guessed
LONGEST_TEXT = 100_000  # characters of one value
MOST_WAITING = 64  # requests' rows at their most that may wait; beyond it a client is told to come again
SECONDS_TO_SEND = 30  # that a client has for its body


@dataclass(frozen=True, slots=True)
class Settings:
    """host, port: where the server listens; port 0 is any free one. without_key: others may ask without a key.

    batch: rows that are scored at once; 1 scores each request alone. wait: milliseconds that the first request of a
    batch waits for others. rows: most rows of one request. megabytes: most of one request's body.
    threads: of the model; None: all cores but one. log_rows, log_seconds: when a file of the log is closed and the next
    begun. log_sensitive: the log also holds what the schema calls sensitive, and what names a person.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    without_key: bool = False
    batch: int = 64
    wait: float = 0.0
    rows: int = 1_000
    megabytes: float = 16.0
    threads: int | None = None
    log_rows: int = 50_000
    log_seconds: float = 600.0
    log_sensitive: bool = False

    @property
    def loopback(self) -> bool:
        """Whether only this machine can ask."""
        return is_loopback(self.host)

    def check(self, key: str | None) -> None:
        """BadInput for the first setting that cannot be."""
        if not 0 <= self.port <= 65_535:
            raise BadInput(f"there is no port {self.port}; take one from 1,024 to 65,535, or 0 for any (--port)")
        least = {"batch": 1, "rows": 1, "log_rows": 1, "threads": 1}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise BadInput(f"{name} is {value}; it is {smallest} or more (--{name.replace('_', '-')})")
        if not 0 <= self.wait <= 10_000:
            raise BadInput(f"a wait of {self.wait:g} ms is not possible; give 0 to 10,000 (--wait)")
        if not 0 < self.megabytes <= 1_024:
            raise BadInput(f"a limit of {self.megabytes:g} MB is not possible; give up to 1,024 (--limit)")
        if not self.log_seconds > 0:
            raise BadInput(f"log_seconds is {self.log_seconds:g}; it is more than 0 (--log-seconds)")
        if key is None and not self.loopback and not self.without_key:
            raise BadInput(
                f"whoever reaches {self.host} could ask this model; give a key (--key-file, or {KEY_VARIABLE}), or say"
                " that none is needed (--without-key)"
            )


def is_loopback(host: str) -> bool:
    """Whether an address, or a name, is this machine's own.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def read_key(file: str | Path | None) -> str | None:
    """The key that clients must send: of a file, else of EVENHAND_API_KEY, else None. BadInput where it is no key."""
    if file is None:
        key, where = os.environ.get(KEY_VARIABLE), KEY_VARIABLE
        if key is None:
            return None
    else:
        where = str(file)
        try:
            key = read_plain(Path(file)).decode("utf-8")
        except UnicodeDecodeError:
            raise BadInput(f"{where} is not text; write the key into it (--key-file)") from None
        except OSError as error:
            raise BadInput(f"the key in {where} cannot be read: {why(error)}; check the path (--key-file)") from None
    key = key.strip()
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise BadInput(
            f"the key in {where} is no key: {SHORTEST_KEY} or more letters, digits and signs without a blank;"
            " `openssl rand -hex 32` makes one"
        )
    return key
