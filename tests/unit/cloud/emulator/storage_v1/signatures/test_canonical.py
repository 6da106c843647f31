from cloud.emulator.storage_v1.signatures.canonical import signed_request
from emulator_api.clients import received


async def test_headers_are_in_the_spelling_that_is_signed():
    sent = {"Host": "B.example.com:80", "X-Goog-Meta-A": "  a \t b  ", "Content-Type": "a/b"}
    facts = signed_request(await received("PUT", "/bkt/a%2Fb//c%7E?b=%2F&a=+&a=", sent), None)
    assert facts.headers["x-goog-meta-a"] == "a b"
    assert (facts.method, facts.path) == ("PUT", "/bkt/a%2Fb//c%7E")
    assert list(facts.hosts) == ["b.example.com:80", "b.example.com"]
    assert list(facts.paths) == ["/bkt/a%2Fb//c%7E", "/bkt/a%2Fb//c~"]
    assert facts.canonical_query() == "a=&a=%20&b=%2F"
    assert facts.canonical_query("b") == "a=&a=%20"
    assert facts.parameters["a"] == " "
