"""Secrets that are planted, and a search for them in everything that a process leaves behind."""

import base64
import gzip
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A secret by name."""

    name: str
    secret: bytes

    def shapes(self) -> frozenset[bytes]:
        """What it could be written as: raw, hex in either case, base64 at each offset, decimal, quoted."""
        raw = self.secret
        found = {raw, raw.hex().encode(), raw.hex().upper().encode(), repr(raw)[2:-1].encode()}
        found |= {raw.upper(), quote(raw).encode()}
        # Base64 of a longer text that holds it differs by where it begins; the ends depend on what is around.
        for lead in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                found.add(encode(bytes(lead) + raw)[4 if lead else 0 : -4])
        if len(raw) == 32:
            found.add(str(int.from_bytes(raw, "big")).encode())
        return frozenset(shape for shape in found if len(shape) >= 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """Something that was left behind, as bytes."""

    name: str
    content: bytes


def found_in(sinks: Iterable[Sink], canaries: Iterable[Canary]) -> list[str]:
    """Return ``canary in sink`` for each secret that shows."""
    shapes = [(canary.name, shape) for canary in canaries for shape in canary.shapes()]
    hits: list[str] = []
    for sink in sinks:
        hits += sorted(
            {f"{name} in {sink.name}: {_around(sink, shape)}" for name, shape in shapes if shape in sink.content}
        )
    return hits


def files_under(folder: Path) -> Iterator[Sink]:
    """Every file, and once more what is packed in those that are packed: Parquet, gzip, rows of databases."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        yield Sink(name=str(path.relative_to(folder)), content=content)
        if content.startswith(b"PAR1"):
            rows = pl.read_parquet(path)
            yield Sink(name=f"rows of {path.name}", content=repr(rows.to_dicts()).encode())
        elif content.startswith(b"\x1f\x8b"):
            yield Sink(name=f"unpacked {path.name}", content=gzip.decompress(content))
        elif content.startswith(b"SQLite format 3"):
            yield Sink(name=f"rows of {path.name}", content=_rows(path))


def _rows(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return b"".join(repr(database.execute(f'SELECT * FROM "{name}"').fetchall()).encode() for name in tables)


def _around(sink: Sink, shape: bytes) -> str:
    at = sink.content.index(shape)
    return sink.content[max(at - 120, 0) : at].decode(errors="replace")[-120:] + "<SECRET>"
