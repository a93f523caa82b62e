import hashlib
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.sources import SourceOptions, open_sources
from pipeline.sources.protocol import DataError, Source
from pipeline.table import Record

Write = Callable[..., Path]


def opened(
    spec: str | Path, cache: Path = Path("unused"), options: SourceOptions | None = None
) -> Source:
    (source,) = open_sources([str(spec)], options=options, cache=cache)
    return source


def pairs(source: Source) -> list[tuple[str, str]]:
    return [(record.name, record.language) for record in source.records()]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
        return path

    return write


DEFAULT = SourceOptions()
NOWAK_SVENSSON = [("Nowak", "Polish"), ("Svensson", "Swedish")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", '"Nowak","Polish"\n"Svensson","Swedish"\n'),
        ("a.CSV", "Nowak,Polish\r\nSvensson,Swedish"),
        ("a.csv", "name,language\nNowak,Polish\nSvensson,Swedish\n"),
        ("a.csv", "Last_Name;Lang\nNowak;Polish\nSvensson;Swedish\n"),
        ("a.csv", "id,Country,Family Name\n1,Polish,Nowak\n2,Swedish,Svensson\n"),
        ("a.csv", "Nowak| Polish\nSvensson| Swedish\n"),
        ("a.tsv", "Nowak\tPolish\nSvensson\tSwedish\n"),
        (
            "a.jsonl",
            '{"name": "Nowak", "language": "Polish"}\n{"language":"Swedish","name":"Svensson"}',
        ),
        (
            "a.ndjson",
            '{"n": 1, "surname": "Nowak", "lang": "Polish"}\n'
            '{"surname": "Svensson", "lang": "Swedish"}\n',
        ),
    ],
)
def test_text_tables_of_many_makes(write: Write, name: str, text: str) -> None:
    source = opened(write(name, text))
    assert pairs(source) == NOWAK_SVENSSON
    assert source.dropped.count == {}


def test_parquet(tmp_path: Path) -> None:
    columns = {"language": ["Polish", "Swedish", None], "name": ["Nowak", "Svensson", "Lis"]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    source = opened(tmp_path / "a.parquet")
    assert pairs(source) == NOWAK_SVENSSON
    assert source.dropped.first_rows == {"a missing column": [3]}


def test_a_file_without_header_is_languages_where_values_repeat(write: Write) -> None:
    """A surname that looks like a title ("Lang") makes no header."""
    source = opened(write("a.csv", "German,Lang\nGerman,Klein\nSwedish,Svensson\n"))
    assert pairs(source) == [("Lang", "German"), ("Klein", "German"), ("Svensson", "Swedish")]


@pytest.mark.parametrize(
    "options",
    [
        SourceOptions(name_column="3", language_column="1", weight_column="2"),
        SourceOptions("Nachname", "sprache", "ANZAHL"),
        SourceOptions("3", "Sprache", "2"),
    ],
)
def test_columns_can_be_given_by_title_or_number(write: Write, options: SourceOptions) -> None:
    path = write("a.csv", "Sprache,Anzahl,Nachname\nPolish,20,Nowak\nSwedish,,Svensson\n")
    read = list(opened(path, options=options).records())
    assert read[-2:] == [
        Record("Nowak", "Polish", 20.0, source="a.csv"),
        Record("Svensson", "Swedish", 1.0, source="a.csv"),
    ]


def test_a_weight_column_is_found_by_its_title(write: Write) -> None:
    path = write("a.csv", "name,language,count\nNowak,Polish,20\nLis,Polish,many\n")
    source = opened(path)
    assert [record.weight for record in source.records()] == [20.0]
    assert source.dropped.first_rows == {"weight is not a number": [3]}


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8-sig", "name,language\nWójcik,Polish\nÅkesson,Swedish\n"),
        ("utf-16", "name,language\nWójcik,Polish\nÅkesson,Swedish\n"),
        ("utf-32", "name,language\nWójcik,Polish\nÅkesson,Swedish\n"),
        ("cp1250", "Dvořák,Czech\nŽižka,Czech\nŠťastný,Czech\nWójcik,Polish\nKołodziej,Polish\n"),
        ("cp1251", "Иванов,Russian\nСмирнов,Russian\nКузнецов,Russian\n"),
        ("cp1253", "Παπαδόπουλος,Greek\nΓεωργίου,Greek\nΟικονόμου,Greek\n"),
        ("cp932", "田中,Japanese\n小林,Japanese\n渡辺,Japanese\n"),
    ],
)
def test_encodings_are_found_and_told(write: Write, encoding: str, text: str) -> None:
    source = opened(write("a.csv", text, encoding))
    lines = [line for line in text.splitlines() if line != "name,language"]
    assert pairs(source) == [tuple(line.split(",")) for line in lines]
    assert encoding in source.provenance()[0].note


def test_an_encoding_can_be_given(write: Write) -> None:
    source = opened(
        write("a.csv", "Müller,German\nNowak,Polish\n", "cp850"),
        options=SourceOptions(encoding="cp850"),
    )
    assert pairs(source)[0] == ("Müller", "German")


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("a.csv", "Nowak,Polish\nLis\nLis,Polish,3\n\nSvensson,Swedish\n",
         {"not 2 columns": [2, 3], "blank line": [4]}),
        ("a.jsonl", '{"name":"Nowak","lang":"Polish"}\n{"name":\n[1]\n{"name":"Lis"}\n'
         '{"name":"Svensson","lang":"Swedish"}',
         {"not JSON": [2], "not a JSON object": [3], "a missing column": [4]}),
    ],
)  # fmt: skip
def test_malformed_rows_are_counted_and_passed_over(
    write: Write, name: str, text: str, rows: dict[str, list[int]]
) -> None:
    source = opened(write(name, text))
    for _ in range(2):  # reading again counts afresh
        assert pairs(source) == NOWAK_SVENSSON
        assert source.provenance()
        assert source.dropped.first_rows == rows


def test_an_unclosed_quote_costs_one_row(write: Write) -> None:
    source = opened(write("a.csv", f'Nowak,Polish\n"{"Lis " * 50_000}\nSvensson,Swedish\n'))
    assert pairs(source) == NOWAK_SVENSSON
    assert source.dropped.first_rows == {"broken quoting": [2]}


@pytest.mark.parametrize(
    ("name", "text", "options", "message"),
    [
        ("a.csv", "", DEFAULT, "a.csv is empty; expected rows of a name and its language"),
        (
            "a.csv",
            "Nowak\nLis\n",
            DEFAULT,
            r"cannot tell which of its 1 column\(s\) holds the name",
        ),
        (
            "a.csv",
            "Nowak,Polish,1\n",
            DEFAULT,
            "expected two columns, a header with known titles, or",
        ),
        (
            "a.csv",
            "name,x,y\nNowak,Polish,1\n",
            SourceOptions(language_column="lang"),
            "no column 'lang'",
        ),
        (
            "a.csv",
            "Nowak,Polish\n",
            SourceOptions(name_column="3"),
            "column '3'.* a number from 1 to 2",
        ),
        ("a.csv", "Nowak,Polish\n", SourceOptions("1", "1"), "both column 1"),
        ("a.csv", "name,language\nNowak\n", DEFAULT, r"no row could be read \(not 2 columns: 1\)"),
        ("a.csv", "name,language\n", DEFAULT, r"no row could be read \(there is none\)"),
        (
            "a.csv",
            "Nowak,Polish\n",
            SourceOptions(encoding="utf-7.5"),
            "encoding 'utf-7.5' is unknown",
        ),
        ("a.parquet", "Nowak,Polish\n", DEFAULT, "a.parquet is not a Parquet file"),
        ("a.zip", "Nowak,Polish\n", DEFAULT, "a.zip is not a zip that can be read"),
        (
            "a.xlsx",
            "Nowak,Polish\n",
            DEFAULT,
            r"ends in '.xlsx'; expected a file \(.csv, .tsv, .jsonl",
        ),
    ],
)
def test_what_cannot_be_read_says_why(
    write: Write, name: str, text: str, options: SourceOptions, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        list(opened(write(name, text), options=options).records())
    assert "Nowak" not in str(caught.value), "names are personal data"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere.csv", "source 'nowhere.csv' does not exist; expected a file"),
        (
            "ftp://example.org/a.csv",
            "source 'ftp://example.org/a.csv': expected http:// or https://",
        ),
        ("https:///a.csv", "and a host"),
        ("https://example.org/list", r"ends in ''; expected .csv, .tsv, .* or .zip"),
        ("https://example.org/a.csv#md5=1", "fragment 'md5=1'; expected sha256= and 64"),
    ],
)
def test_wrong_specs_say_what_was_expected(spec: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(spec)


def test_no_source_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no source is given"):
        open_sources([], cache=tmp_path)


def test_the_embedded_names_are_a_source_too(tmp_path: Path) -> None:
    assert next(iter(opened("builtin", tmp_path).records())).name


def test_a_fingerprint_changes_with_whatever_decides_the_records(write: Write) -> None:
    path = write("a.csv", "Nowak,Polish\nLis,Polish\n")
    prints = [
        opened(path).fingerprint(),
        opened(path, options=SourceOptions(name_column="2")).fingerprint(),
    ]
    assert opened(path).fingerprint() == prints[0]
    prints += [opened(write("b.csv", path.read_text())).fingerprint()]
    path.write_text("Nowak,Polish\nLis,German\n")
    prints += [opened(path).fingerprint()]
    assert len(set(prints)) == 4
    assert all(len(bytes.fromhex(p)) == 32 for p in prints)


# A directory or a zip of <Language>.txt files


@pytest.fixture(params=["directory", "zip"])
def tutorial(request: pytest.FixtureRequest, tmp_path: Path, write: Write) -> Path:
    """The tutorial's lay-out, with what its archive and a Mac's Finder put beside it."""
    write("data/names/Polish.txt", "Nowak\nWójcik\n\n")
    write("data/names/Czech.txt", "Dvořák\nŠťastný\nŽižka\nHavelka\n", "cp1250")
    write("data/eng-fra.txt", "Go.\tVa !\n")
    write("data/names/._Polish.txt", "\0\1")
    write("data/__MACOSX/a.txt", "x")
    write("data/__MACOSX/b.txt", "x")
    write("data/__MACOSX/c.txt", "x")
    if request.param == "directory":
        return tmp_path / "data"
    with zipfile.ZipFile(tmp_path / "data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((tmp_path / "data").rglob("*.txt")):
            archive.write(path, path.relative_to(tmp_path))
    return tmp_path / "data.zip"


def test_a_text_file_for_each_language(tutorial: Path) -> None:
    source = opened(tutorial)
    czech = [(name, "Czech") for name in ("Dvořák", "Šťastný", "Žižka", "Havelka")]
    assert pairs(source) == [*czech, ("Nowak", "Polish"), ("Wójcik", "Polish"), ("", "Polish")]
    assert next(iter(source.records())).source == f"{tutorial.name}/Czech.txt"
    assert source.provenance()[0].note == "2 files; Czech.txt is cp1250"
    assert source.fingerprint() == opened(tutorial).fingerprint()


def test_a_folder_without_text_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no .txt file; expected <Language>.txt files"):
        list(opened(tmp_path).records())


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Polish.txt", b"x" * 1_000_000)
    assert (tmp_path / "a.zip").stat().st_size < 2_000
    with pytest.raises(DataError, match="unpacks to 1000000 bytes; expected at most 500000"):
        list(opened(tmp_path / "a.zip", options=SourceOptions(max_bytes=500_000)).records())


@pytest.mark.parametrize("member", ["../Polish.txt", "/etc/Polish.txt"])
def test_a_zip_that_points_outside_itself_is_refused(tmp_path: Path, member: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, "Nowak")
    with pytest.raises(DataError, match="expected paths inside it"):
        list(opened(tmp_path / "a.zip").records())


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("Polish.txt", "Nowak")
    damaged = (tmp_path / "a.zip").read_bytes().replace(b"Nowak", b"Kowal")
    (tmp_path / "a.zip").write_bytes(damaged)
    with pytest.raises(DataError, match="is not a zip that can be read: Bad CRC-32"):
        list(opened(tmp_path / "a.zip").records())


# Addresses


class Site(ThreadingHTTPServer):
    """A real server with a few pages; `asked` lists the requests in order."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.path.partition("?")[0]
        body = self.server.pages.get(path, b"")
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        status = 200 if path in self.server.pages else 404
        if path.startswith("/moved/"):
            status = 302
        elif path.startswith("/broken/"):
            status = 503
        elif self.headers["If-None-Match"] == etag:
            status, body = 304, b""
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("Location", path.replace("/moved", ""))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # who is sent too much hangs up
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Site() as site:
        site.pages["/a.csv"] = b"name,language\nNowak,Polish\nSvensson,Swedish\nLis\n"
        thread = threading.Thread(target=site.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield site
        site.shutdown()
        thread.join(5)


def test_an_address_is_fetched_once_and_read_like_a_file(site: Site, tmp_path: Path) -> None:
    source = opened(site.url("/moved/a.csv"), tmp_path)
    assert pairs(source) == NOWAK_SVENSSON
    assert source.dropped.count == {"not 2 columns": 1}
    (origin,) = source.provenance()
    assert origin.name == site.url("/moved/a.csv")
    assert origin.version == f"sha256:{hashlib.sha256(site.pages['/a.csv']).hexdigest()}"
    assert len(source.fingerprint()) == 64
    assert site.asked == ["/moved/a.csv", "/a.csv"]


def test_a_zip_at_an_address(site: Site, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "names.zip", "w") as archive:
        archive.writestr("Polish.txt", "Nowak\n")
        archive.writestr("Swedish.txt", "Svensson\n")
    site.pages["/names.zip"] = (tmp_path / "names.zip").read_bytes()
    assert pairs(opened(site.url("/names.zip?dl=1"), tmp_path / "cache")) == NOWAK_SVENSSON


def test_a_cached_copy_is_used_until_the_content_changes(site: Site, tmp_path: Path) -> None:
    assert pairs(opened(site.url("/a.csv"), tmp_path)) == NOWAK_SVENSSON
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert pairs(opened(site.url("/a.csv"), tmp_path)) == NOWAK_SVENSSON
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept
    site.pages["/a.csv"] = b"Lis,Polish\nFuchs,German\n"
    assert pairs(opened(site.url("/a.csv"), tmp_path)) == [("Lis", "Polish"), ("Fuchs", "German")]


def test_a_checksum_is_enforced_and_spares_the_network(site: Site, tmp_path: Path) -> None:
    right = hashlib.sha256(site.pages["/a.csv"]).hexdigest()
    with pytest.raises(DataError, match=f"has SHA-256 {right}; expected {'0' * 64}"):
        pairs(opened(site.url(f"/a.csv#sha256={'0' * 64}"), tmp_path))
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        assert pairs(opened(site.url(f"/a.csv#sha256={right}"), tmp_path)) == NOWAK_SVENSSON
    assert len(site.asked) == 2


def test_a_download_that_is_too_large_is_cut_off(site: Site, tmp_path: Path) -> None:
    site.pages["/a.csv"] *= 100_000
    with pytest.raises(DataError, match=r"a\.csv holds more than 1000 bytes"):
        pairs(opened(site.url("/a.csv"), tmp_path, options=SourceOptions(max_bytes=1000)))
    assert list(tmp_path.iterdir()) == []


def test_errors_show_no_secret_of_the_address(site: Site, tmp_path: Path) -> None:
    address = site.url("/none.csv?token=s3cret").replace("//", "//me:s3cret@")
    with pytest.raises(DataError, match=r"/none\.csv answers 404; expected a file") as caught:
        pairs(opened(address, tmp_path))
    assert "s3cret" not in str(caught.value)


def test_a_passing_failure_can_be_tried_again(site: Site, tmp_path: Path) -> None:
    source = opened(site.url("/broken/a.csv"), tmp_path)
    for _ in range(2):
        with pytest.raises(httpx.HTTPStatusError, match="503"):
            pairs(source)
    site.shutdown()
    site.server_close()
    with pytest.raises(httpx.ConnectError):
        pairs(opened(site.url("/a.csv"), tmp_path))


def test_records_stream(tmp_path: Path) -> None:
    """The first record is there long before the last line is read."""
    path = tmp_path / "a.jsonl"
    line = json.dumps({"name": "Nowak", "language": "Polish"}) + "\n"
    path.write_text(line * 5000 + "{broken\n")
    source = opened(path)
    records = source.records()
    next(records)
    assert source.dropped.count == {}
    assert sum(1 for _ in records) == 4999
    assert source.dropped.first_rows == {"not JSON": [5001]}
