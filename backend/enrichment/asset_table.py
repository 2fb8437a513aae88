"""The asset list: read from CSV, looked up by host name and address."""

import csv
import io
import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from backend.alerts.text import SafeText, safe
from backend.enrichment.addresses import IPAddress, parse

COLUMNS = ("hostname", "ip", "owner", "criticality", "role", "environment", "notes")
MAX_ROWS = 500_000
MAX_BYTES = 256 * 1024 * 1024
MAX_PROBLEMS = 20
"""Bad rows described one by one; the rest are counted."""
_CELL = 300
_CROWN = frozenset({"crown jewel", "crown jewels"})
_SCANNER_ROLES = frozenset(
    {
        "scanner",
        "vulnerability scanner",
        "authorised scanner",
        "authorized scanner",
        "pentest",
        "penetration test",
        "pentester",
        "red team",
    }
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AssetFileError(Exception):
    """The file can't be used as a whole; the message says why in one line."""


class Asset(msgspec.Struct, frozen=True, gc=False):
    """One row, safe to show."""

    hostname: SafeText
    owner: SafeText
    criticality: SafeText
    role: SafeText
    environment: SafeText
    notes: SafeText
    network: str = ""
    """The CIDR the row stands for, where it is a network and not one machine."""
    extra: tuple[tuple[SafeText, SafeText], ...] = ()
    """Further columns that are not empty."""

    @property
    def crown_jewel(self) -> bool:
        """Whether its criticality (or role) says that losing it would be the worst case."""
        return _plain(self.criticality) in _CROWN or _plain(self.role) in _CROWN

    @property
    def authorised_scanner(self) -> bool:
        """Whether its role is to scan or attack by order."""
        return _plain(self.role) in _SCANNER_ROLES


class AssetTable:
    """Look-ups over all rows. Built once, never changed."""

    def __init__(self) -> None:
        self.rows = 0
        self.bad_rows = 0
        self.problems: list[str] = []
        self._names: dict[str, Asset] = {}
        self._short: dict[str, Asset | None] = {}
        self._hosts: dict[IPAddress, Asset] = {}
        self._networks: dict[tuple[int, int], dict[int, Asset]] = {}
        self._prefixes: list[tuple[int, int]] = []

    def by_name(self, name: str) -> Asset | None:
        """The asset of this name.

        A full name finds its row or the row with just its first label; a bare name finds its row or the only
        full name that begins with it. Two that begin alike are ambiguous and find nothing.
        """
        wanted = name.strip().rstrip(".").lower()
        if not wanted:
            return None
        if wanted in self._names:
            return self._names[wanted]
        if "." not in wanted:
            return self._short.get(wanted)
        return None if parse(wanted) else self._names.get(wanted.partition(".")[0])

    def by_ip(self, text: str) -> Asset | None:
        """The asset of this address: its own row first, then the narrowest network that holds it."""
        address = parse(text)
        if address is None:
            return None
        found = self._hosts.get(address)
        if found is not None:
            return found
        number = int(address)
        for version, length in self._prefixes:
            if version == address.version:
                network = number >> (address.max_prefixlen - length)
                if network in self._networks[version, length]:
                    return self._networks[version, length][network]
        return None

    # --- building ------------------------------------------------------------------------------------

    def add(self, row: dict[str, str], line: int) -> None:
        """Take one row; what is wrong with it is counted and described."""
        name = row.pop("hostname", "").strip().rstrip(".").lower()
        addresses: list[IPAddress | Network] = []
        wrong = ""
        for text in re.split(r"[\s;]+", row.pop("ip", "").strip()):
            try:
                if text:
                    addresses.append(_address(text))
            except ValueError:
                wrong = f"{safe(text, 60)!r} is neither an address nor a network"
        if not name and not addresses:
            self._bad(line, wrong or "neither hostname nor ip")
            return
        if wrong:
            self._bad(line, wrong)
        self.rows += 1
        self._index(name, addresses, row)

    def finish(self) -> None:
        """Order the networks, narrowest first."""
        self._prefixes = sorted(self._networks, key=lambda key: -key[1])

    def _index(self, name: str, addresses: list[IPAddress | Network], row: dict[str, str]) -> None:
        hosts = [one for one in addresses if isinstance(one, IPAddress)]
        if name or hosts:
            asset = _asset(name or str(hosts[0]), row)
            for address in hosts:
                self._hosts[address] = asset
            if name:
                self._name(name, asset)
        for network in addresses:
            if not isinstance(network, IPAddress):
                key = (network.version, network.prefixlen)
                number = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
                self._networks.setdefault(key, {})[number] = _asset(name, row, str(network))

    def _name(self, name: str, asset: Asset) -> None:
        self._names[name] = asset
        short, dot, _ = name.partition(".")
        if dot:
            self._short[short] = None if short in self._short else asset

    def _bad(self, line: int, what: str) -> None:
        self.bad_rows += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(f"line {line}: {what}")


def load(path: Path) -> AssetTable:
    """Read the file at `path`. Blocks: call it off the event loop.

    UTF-8 with or without a byte order mark, comma or semicolon; column names in any case and order.

    Raises:
        AssetFileError: unreadable, too large, not text, no header with `hostname` or `ip`, or rows of which
            not one is usable.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise AssetFileError(f"{path}: larger than {MAX_BYTES // 1024 // 1024} MiB")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise AssetFileError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise AssetFileError(f"{path}: not UTF-8 text (byte {error.start})") from None
    try:
        return _read(text)
    except (AssetFileError, csv.Error) as error:
        raise AssetFileError(f"{path}: {error}") from None


def _read(text: str) -> AssetTable:
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [cell.strip().lower() for cell in next(rows, [])]
    if "hostname" not in header and "ip" not in header:
        raise AssetFileError(
            f"no column named hostname or ip; the first line should read {','.join(COLUMNS)}"
        )
    table = AssetTable()
    for cells in _bounded(rows, table):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header):
            table._bad(rows.line_num, f"{len(cells)} cells under {len(header)} columns")
            continue
        table.add(dict(zip(header, cells, strict=False)), rows.line_num)
    if not table.rows and table.bad_rows:
        raise AssetFileError(f"none of {table.bad_rows} rows is usable; {table.problems[0]}")
    table.finish()
    return table


def _bounded(rows: Iterable[list[str]], table: AssetTable) -> Iterable[list[str]]:
    for number, cells in enumerate(rows):
        if number >= MAX_ROWS:
            table.problems.append(f"more than {MAX_ROWS} rows: the rest is left out")
            return
        yield cells


def _asset(name: str, row: dict[str, str], network: str = "") -> Asset:
    known = {column: safe(row.get(column, "").strip(), _CELL) for column in COLUMNS[2:]}
    extra = tuple(
        (safe(key, 60), safe(value.strip(), _CELL))
        for key, value in row.items()
        if key and key not in COLUMNS and value.strip()
    )
    return Asset(hostname=safe(name, 253), network=network, extra=extra, **known)


def _address(text: str) -> IPAddress | Network:
    if "/" not in text:
        address = parse(text)
        if address is None:
            raise ValueError(text)
        return address
    network = ipaddress.ip_network(text, strict=False)
    return network if network.num_addresses > 1 else network.network_address


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("_", " ").replace("-", " ").split())
