"""The wire as the official client does not show it: bad requests, pages, other clients' ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx2
import pytest

if TYPE_CHECKING:
    from pytest_rtmedload.embedded.services import Service
    from tests.embedded.cosmos.cosmos_client import RawCosmos


def assert_refused(response: httpx2.Response, status: int, message: str) -> None:
    assert response.status_code == status, response.text
    assert response.json()["code"] == httpx2.codes(status).name.title().replace("_", "")
    assert message in response.json()["message"]


def test_a_wrong_key_and_a_changed_request_are_not_let_in(raw: RawCosmos) -> None:
    date = "sun, 22 nov 2026 12:00:00 gmt"
    good = raw.signature("GET", raw.container, date)
    for authorization, path, dated in (
        (good.replace("sig%3D", "sig%3DAAAA"), raw.container, date),
        (good, raw.docs, date),
        (good, raw.container, "sun, 22 nov 2026 12:00:01 gmt"),
        ("type=resource&ver=1&sig=x", raw.container, date),
        ("nonsense %%%", raw.container, date),
    ):
        response = raw.http.get(f"/{path}", headers={"authorization": authorization, "x-ms-date": dated})
        assert_refused(response, 401, "the wrong key is being used")
        assert raw.key not in response.text
    assert_refused(raw.http.get(f"/{raw.container}"), 401, "authorization is missing")
    assert raw.http.get(f"/{raw.container}", headers={"authorization": good, "x-ms-date": date}).status_code == 200


def test_a_token_of_entra_id_is_let_in(raw: RawCosmos) -> None:
    """Over HTTP no official client sends one: it is for those behind a proxy that ends TLS."""
    for token in ("type%3Daad%26ver%3D1.0%26sig%3DeyJ0.eyJh.c2ln", "type=aad&ver=1.0&sig=eyJ0.eyJh.c2ln"):
        assert raw.http.get(f"/{raw.container}", headers={"authorization": token}).status_code == 200
    assert raw.http.get(f"/{raw.container}", headers={"authorization": "type=aad&ver=1.0&sig="}).status_code == 401


def test_the_account_is_where_the_client_asked(raw: RawCosmos) -> None:
    account = raw.send("GET", "", host="localhost:1234").json()
    assert account["writableLocations"][0]["databaseAccountEndpoint"] == "http://localhost:1234/"


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (b"{", "not valid JSON"),
        ([1], "not a JSON object"),
        ({"pk": "a"}, "'id; ' - are missing"),
        ({"id": "", "pk": "a"}, "'id; ' - are missing"),
        ({"id": 1, "pk": "a"}, "'id' is not a string"),
        ({"id": "a/b", "pk": "a"}, "none of / "),
        ({"id": "é" * 512, "pk": "a"}, "at most 1023 bytes"),
        ({"id": "1", "pk": "b"}, "doesn't match the one specified in the header"),
        ({"id": "1"}, "doesn't match the one specified in the header"),
        ({"id": "1", "pk": "a", "ttl": 0}, "'ttl' is invalid"),
    ],
)
def test_what_is_no_item(raw: RawCosmos, item: Any, message: str) -> None:
    response = raw.send("POST", raw.docs, item, "a")
    assert_refused(response, 400, message)
    assert response.headers.get("x-ms-substatus") == ("1001" if "header" in message else None)


def test_an_operation_on_an_item_needs_its_partition_key(raw: RawCosmos) -> None:
    assert_refused(raw.send("GET", f"{raw.docs}/1"), 400, "PartitionKey value must be supplied")


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "sprocs", "does not know GET of sprocs"),
        ("POST", "triggers", "does not know POST of triggers"),
        ("GET", "docs/1/attachments", "does not know GET of docs"),
        ("PUT", "docs", "does not know PUT of docs"),
    ],
)
def test_what_is_not_here_is_named(raw: RawCosmos, method: str, path: str, message: str) -> None:
    assert_refused(raw.send(method, f"{raw.container}/{path}", pk="a"), 400, message)


def test_other_resources_that_are_not_here_are_named(raw: RawCosmos) -> None:
    assert_refused(raw.send("POST", "offers", {}), 400, "does not know POST of offers")
    assert_refused(raw.send("GET", f"{raw.database}/users"), 400, "does not know GET of users")
    assert_refused(raw.send("GET", raw.docs, A_IM="Incremental feed"), 400, "does not know the change feed")
    keys = {"id": "u", "partitionKey": {"paths": ["/pk"]}, "uniqueKeyPolicy": {"uniqueKeys": [{"paths": ["/a"]}]}}
    assert_refused(raw.send("POST", f"{raw.database}/colls", keys), 400, "the container property uniqueKeyPolicy")
    assert raw.send("PATCH", raw.container).status_code == 405
    assert_refused(raw.send("GET", f"{raw.database}/colls/no/docs/1", pk="a"), 404, "Owner resource does not exist")


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ({}, "a list of 1 to 100 operations"),
        ([], "a list of 1 to 100 operations"),
        ([{"operationType": "Read", "id": "1"}] * 101, "a list of 1 to 100 operations"),
    ],
)
def test_what_is_no_batch(raw: RawCosmos, operations: Any, message: str) -> None:
    assert_refused(raw.send("POST", raw.docs, operations, "a", x_ms_cosmos_is_batch_request="True"), 400, message)


@pytest.mark.parametrize(
    "operation", [1, {}, {"operationType": "Count"}, {"operationType": "Read", "id": []}, {"operationType": "Create"}]
)
def test_an_operation_of_a_batch_that_is_none_fails_the_batch(raw: RawCosmos, operation: Any) -> None:
    good = {"operationType": "Upsert", "resourceBody": {"id": "1", "pk": "a"}}
    response = raw.send("POST", raw.docs, [good, operation], "a", x_ms_cosmos_is_batch_request="True")
    assert response.status_code == 207
    assert [one["statusCode"] for one in response.json()] == [424, 400]
    assert raw.send("GET", f"{raw.docs}/1", pk="a").status_code == 404


@pytest.mark.parametrize(
    "wanted",
    [[], {}, {"operations": []}, {"operations": [{"op": "set", "path": "/a", "value": 1}] * 11},
     {"operations": [{"op": "copy", "path": "/a"}]}, {"operations": [{"op": "set", "path": "/a"}]},
     {"operations": [{"op": "set", "path": "a", "value": 1}]},
     {"operations": [{"op": "add", "path": "/n/x", "value": 1}]},
     {"operations": [{"op": "move", "from": "/n", "path": "/n/x"}]},
     {"operations": [{"op": "set", "path": "/a", "value": 1}], "condition": "c.n = 1"}],
)  # fmt: skip
def test_what_is_no_patch(raw: RawCosmos, wanted: Any) -> None:
    raw.put_item({"id": "1", "pk": "a", "n": 1})
    before = raw.send("GET", f"{raw.docs}/1", pk="a").content
    assert raw.send("PATCH", f"{raw.docs}/1", wanted, "a").status_code == 400
    assert raw.send("GET", f"{raw.docs}/1", pk="a").content == before


def test_numbers_that_grow_beyond_64_bits_become_doubles(raw: RawCosmos) -> None:
    raw.put_item({"id": "1", "pk": "a", "n": 2**63 - 1})
    patch = {"operations": [{"op": "incr", "path": "/n", "value": 2**63 - 1}]}
    assert raw.send("PATCH", f"{raw.docs}/1", patch, "a").json()["n"] == 2.0**64


def test_ids_and_keys_of_any_script(raw: RawCosmos) -> None:
    item_id = "ünï & 100% +x"
    raw.put_item({"id": item_id, "pk": "schlüssel"})
    assert raw.send("GET", f"{raw.docs}/{item_id}", pk="schlüssel").json()["id"] == item_id


def test_a_query_over_all_partitions_must_be_allowed(raw: RawCosmos) -> None:
    raw.put_item({"id": "1", "pk": "a"})
    refused = raw.query("SELECT * FROM c", x_ms_documentdb_query_enablecrosspartition="false")
    assert_refused(refused, 400, "Cross partition query is required but disabled")
    pinned = raw.query("SELECT * FROM c WHERE c.pk = 'a'", x_ms_documentdb_query_enablecrosspartition="false")
    assert pinned.json()["_count"] == 1


def test_a_query_is_confined_to_the_partition_of_its_header(raw: RawCosmos) -> None:
    for pk in "ab":
        raw.put_item({"id": "1", "pk": pk})
    assert raw.query("SELECT VALUE c.pk FROM c", "b").json()["Documents"] == ["b"]
    assert raw.query("SELECT * FROM c WHERE c.pk = 'a'", "b").json()["Documents"] == []


@pytest.mark.parametrize(
    "body", [b"{", {}, {"query": 1}, {"query": "SELECT 1", "parameters": {}}, {"query": "SELECT 1", "parameters": [1]}]
)
def test_what_is_no_query(raw: RawCosmos, body: Any) -> None:
    assert raw.send("POST", raw.docs, body, "a", x_ms_documentdb_isquery="True").status_code == 400


def test_pages_over_partitions(raw: RawCosmos) -> None:
    for n in range(7):
        raw.put_item({"id": str(n), "pk": "abc"[n % 3], "n": n})
    for text, wanted in {
        "SELECT VALUE c.n FROM c WHERE c.n != 3": [0, 6, 1, 4, 2, 5],
        "SELECT VALUE c.n FROM c ORDER BY c.n DESC OFFSET 1 LIMIT 4": [5, 4, 3, 2],
        "SELECT DISTINCT VALUE c.pk FROM c": ["a", "b", "c"],
    }.items():
        found: list[Any] = []
        token = ""
        while token or not found:
            page = raw.query(text, x_ms_max_item_count="2", x_ms_continuation=token)
            assert page.headers["x-ms-item-count"] == str(len(page.json()["Documents"]))
            assert len(page.json()["Documents"]) <= 2
            found += page.json()["Documents"]
            token = page.headers.get("x-ms-continuation", "")
        assert found == wanted


def test_a_token_of_another_query_is_refused(raw: RawCosmos) -> None:
    for n in range(3):
        raw.put_item({"id": str(n), "pk": "a"})
    token = raw.query("SELECT * FROM c", x_ms_max_item_count="1").headers["x-ms-continuation"]
    for text, wrong in (("SELECT c.id FROM c", token), ("SELECT * FROM c", "x"), ("SELECT * FROM c", "[1]")):
        assert_refused(raw.query(text, x_ms_continuation=wrong), 400, "Invalid Continuation Token")
    assert raw.query("SELECT * FROM c", x_ms_max_item_count="0").status_code == 400
    assert raw.query("SELECT * FROM c", x_ms_max_item_count="x").status_code == 400


def test_a_page_has_at_most_4_mb(raw: RawCosmos) -> None:
    for n in range(6):
        raw.put_item({"id": str(n), "pk": "a", "text": "x" * 1_000_000})
    page = raw.query("SELECT * FROM c", "a")
    assert page.json()["_count"] == 5
    assert page.headers["x-ms-continuation"]


def test_a_query_plan_leaves_everything_to_the_service(raw: RawCosmos) -> None:
    headers = {"x_ms_cosmos_is_query_plan_request": "True", "content_type": "application/query+json"}
    body = {"query": "SELECT VALUE COUNT(1) FROM c"}
    plan = raw.send("POST", raw.docs, body, **headers).json()
    assert plan["queryInfo"]["hasSelectValue"] is True
    assert plan["queryInfo"]["aggregates"] == plan["queryInfo"]["orderBy"] == []
    ranges = raw.send("GET", f"{raw.container}/pkranges")
    assert [(one["minInclusive"], one["maxExclusive"]) for one in ranges.json()["PartitionKeyRanges"]] == [("", "FF")]
    assert raw.send("GET", f"{raw.container}/pkranges", if_none_match=ranges.headers["etag"]).status_code == 304
    raw.put_item({"id": "1", "pk": "a"})
    by_range = raw.query(
        body["query"], x_ms_documentdb_partitionkeyrangeid="0", x_ms_documentdb_query_enablecrosspartition="false"
    )
    assert by_range.json()["Documents"] == [1]
    assert_refused(raw.query(body["query"], x_ms_start_epk="00", x_ms_end_epk="7F"), 400, "hashed partition keys")


def test_sessions_go_on_with_every_write(raw: RawCosmos) -> None:
    def lsn(response: httpx2.Response) -> int:
        return int(response.headers["x-ms-session-token"].removeprefix("0:-1#"))

    first = raw.put_item({"id": "1", "pk": "a"})
    second = raw.put_item({"id": "1", "pk": "a"})
    read = raw.send("GET", f"{raw.docs}/1", pk="a", x_ms_activity_id="0123")
    assert lsn(first) < lsn(second) == lsn(read)
    assert read.headers["x-ms-activity-id"] == "0123"
    assert len(second.headers["x-ms-activity-id"]) == 36


def test_charges_are_told(raw: RawCosmos) -> None:
    def charge(response: httpx2.Response) -> float:
        return float(response.headers["x-ms-request-charge"])

    assert charge(raw.put_item({"id": "1", "pk": "a"})) == 5
    assert charge(raw.send("GET", f"{raw.docs}/1", pk="a")) == 1
    assert charge(raw.send("GET", f"{raw.docs}/2", pk="a")) == 1
    large = raw.put_item({"id": "2", "pk": "a", "text": "x" * (100 * 1024 - 300)})
    assert charge(large) == pytest.approx(50, abs=0.5)
    assert charge(raw.send("GET", f"{raw.docs}/2", pk="a")) == pytest.approx(10, abs=0.1)
    assert charge(raw.query("SELECT * FROM c WHERE c.id = '0'")) == 2.3
    assert charge(raw.query("SELECT VALUE COUNT(1) FROM c")) > 10


def test_a_container_may_be_changed_but_not_its_key(raw: RawCosmos) -> None:
    changed = raw.send("PUT", raw.container, {"id": "items", "partitionKey": {"paths": ["/pk"]}, "defaultTtl": 7})
    assert changed.json()["defaultTtl"] == 7
    other = raw.send("PUT", raw.container, {"id": "items", "partitionKey": {"paths": ["/other"]}})
    assert_refused(other, 400, "the partition key of a container cannot be changed")


def test_names_are_free_again_after_deletion(cosmos: Service, raw: RawCosmos) -> None:
    name = str(uuid4())
    for _ in range(2):
        raw.create("dbs", {"id": name})
        assert raw.send("DELETE", f"dbs/{name}").status_code == 204
