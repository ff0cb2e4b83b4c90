"""What the routes of control have in common."""

import json

from segue.edges.http import schemas
from segue.edges.http.changes import answer, answers, body_of
from segue.errors import Busy


def test_an_answer_is_json_with_its_status_and_headers() -> None:
    """Compact or not, it reads back as what it was."""
    response = answer({"a": [1, None]}, status=202, headers={"Location": "/x"})
    assert (response.status_code, response.headers["location"]) == (202, "/x")
    assert json.loads(bytes(response.body)) == {"a": [1, None]}
    assert response.media_type == "application/json"


def test_what_a_route_answers_and_reads_is_in_the_document() -> None:
    """Its model, its errors by status, the schema of its body."""
    documented = answers(schemas.Switched, "It serves.", Busy)
    assert documented[200] == {"model": schemas.Switched, "description": "It serves."}
    assert 409 in documented
    body = body_of(schemas.Reason, required=False)["requestBody"]
    assert not body["required"]
    assert "why" in body["content"]["application/json"]["schema"]["properties"]
