"""Online reads by Redis clients: redis-py under RESP2 and RESP3, redis-cli, redis-benchmark.

    apt-get install redis
    python3 -m venv /work/venv-redis && /work/venv-redis/bin/pip install pytest redis
    /work/venv-redis/bin/pytest tools/peers/test_redis.py
"""
import json
import subprocess
import urllib.request

import pytest

redis = pytest.importorskip("redis")

DEFINITIONS = {
    "streams": [{
        "name": "trips",
        "fields": {"time": "timestamp", "city": "string", "line": "int64", "fare": "float64?",
                   "kind": "string?"},
        "event_time": "time", "key": ["city"]}],
    "views": [
        {"name": "city", "entity": {"city": "string"}, "source": "trips", "features": [
            {"name": "trips", "count": "*", "window": "lifetime"},
            {"name": "fare", "sum": "fare", "window": "lifetime"},
            {"name": "last_kind", "latest": "kind", "window": "lifetime"},
            {"name": "kinds", "count": "*", "by": "kind", "window": "lifetime"},
            {"name": "top", "top_k": "kind", "k": 2, "window": "lifetime"},
            {"name": "median", "quantile": "fare", "q": 0.5, "window": "lifetime"}]},
        {"name": "pair", "entity": {"city": "string", "line": "int64"}, "source": "trips",
         "features": [{"name": "trips", "count": "*", "window": "lifetime"}]}],
    "services": [
        {"name": "ride", "inputs": {"distance": "float64"},
         "features": ["city.trips", "inputs.*",
                      {"name": "double", "expr": "distance * 2.0"}]}]}

TRIPS = [("Oslo", 1, 2.5, "taxi"), ("Oslo", 1, 1.0, "bus"), ("Oslo", 2, None, "bus"),
         ("Oslo", 2, 4.0, None), ("Zürich", 3, 9.0, "tram"), ("a|b", 4, 1.0, "bus")]


def post(node, path, body):
    request = urllib.request.Request(f"http://{node.http}{path}", body, method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def trips(node):
    post(node, "/v1/definitions", json.dumps(DEFINITIONS).encode())
    lines = "\n".join(json.dumps({
        "time": f"2026-01-01T00:00:0{index}Z", "city": city, "line": line, "fare": fare,
        "kind": kind}) for index, (city, line, fare, kind) in enumerate(TRIPS))
    position = post(node, "/v1/streams/trips/records", lines.encode())["position"]
    # Whoever reads at this position has all trips in the store.
    post(node, "/v1/views/city/read", json.dumps(
        {"keys": {"city": "Oslo"}, "min_position": position}).encode())
    return node


@pytest.fixture(params=[2, 3])
def client(trips, request):
    host, port = trips.resp.rsplit(":", 1)
    with redis.Redis(host, int(port), protocol=request.param, decode_responses=True) as client:
        yield client


OSLO = {"trips": "4", "fare": "7.5", "last_kind": None, "kinds": '{"bus":2,"taxi":1}',
        "top": '["bus","taxi"]', "median": "2.5"}


def test_a_hash_is_an_entity(client):
    assert client.hgetall("city:Oslo") == OSLO
    assert client.hmget("city:Oslo", "median", "no such", "trips") == ["2.5", None, "4"]
    assert client.hget("city:Oslo", "top") == OSLO["top"]
    assert client.hkeys("city:Oslo") == list(OSLO)
    assert client.hlen("city:Oslo") == len(OSLO)
    assert client.hexists("city:Oslo", "fare") and not client.hexists("city:Oslo", "fair")
    assert client.exists("city:Oslo", "city:Nowhere") == 1
    assert client.type("city:Oslo") == "hash" and client.type("city:Nowhere") == "none"


def test_keys_are_texts_of_any_kind(client):
    assert client.hget("city:Zürich", "fare") == "9.0"
    assert client.hget('city:{"city":"a|b"}', "trips") == "1"
    assert client.hget("pair:Oslo|2", "trips") == "2"
    assert client.hget('pair:["Oslo",1]', "trips") == "2"
    assert client.hget('ride:{"city":"Oslo","distance":1.5}', "double") == "3.0"


def test_an_entity_never_seen(client):
    assert client.hmget("city:Nowhere", "trips", "fare") == ["0", None]


def test_statuses(client):
    answer = client.execute_command("VARVE.STATUS", "city:Oslo")
    pairs = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2]))
    assert pairs["last_kind"] == "null_value" and pairs["fare"] == "present"


def test_many_entities_at_once(client):
    answer = client.execute_command("VARVE.MGET", 2, "city:Oslo", "city:Nowhere", "trips", "top")
    assert answer == [["4", OSLO["top"]], ["0", None]]


def test_who_has_written_reads_it(client, trips):
    before = int(client.hget("city:Bergen", "trips"))
    for number in range(1, 20):
        line = json.dumps({"time": "2026-01-01T00:00:00Z", "city": "Bergen", "line": 1})
        position = post(trips, "/v1/streams/trips/records", line.encode())["position"]
        words = ["VARVE.AT", position, "HMGET", "city:Bergen", "trips"]
        assert client.execute_command(*words) == [str(before + number)]
    # Answers keep their order, whoever waits.
    pipeline = client.pipeline(transaction=False)
    pipeline.execute_command(*words).ping().execute_command("VARVE.AT", "0", "HLEN", "city:Oslo")
    assert pipeline.execute() == [[str(before + number)], True, len(OSLO)]
    for wrong in [["VARVE.AT", "x", "HLEN", "city:Oslo"], ["VARVE.AT", "0", "PING", "a"],
                  ["VARVE.AT", str(10**9), "HLEN", "city:Oslo"]]:
        with pytest.raises(redis.ResponseError):
            client.execute_command(*wrong)


@pytest.mark.parametrize("transaction", [False])
def test_pipelines(client, transaction):
    pipeline = client.pipeline(transaction=transaction)
    for _ in range(500):
        pipeline.hmget("city:Oslo", "trips", "fare")
    assert pipeline.execute() == [["4", "7.5"]] * 500


def test_connections(client):
    assert client.ping() and client.echo("hello") == "hello"
    assert client.client_setname("peer") and client.client_getname() == "peer"
    assert client.client_id() > 0
    assert client.select(0)
    with pytest.raises(redis.ResponseError, match="DB index is out of range"):
        client.select(1)
    assert "redis_version" in client.info() and client.info()["role"] == "master"
    assert client.command_count() == len(client.command()) > 15
    assert "hmget" in client.command()


def test_refusals_are_those_of_redis(client):
    for words, error in [
            (["SET", "a", "b"], redis.ReadOnlyError), (["HSET", "city:Oslo", "a", "1"],
                                                       redis.ReadOnlyError),
            (["NONSENSE"], redis.ResponseError), (["HGET", "city:Oslo"], redis.ResponseError),
            (["HGET", "nowhere:Oslo", "a"], redis.ResponseError)]:
        with pytest.raises(error):
            client.execute_command(*words)
    # The connection goes on.
    assert client.ping()


def test_passwords_are_refused(trips):
    host, port = trips.resp.rsplit(":", 1)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(host, int(port), password="secret").ping()


def run(*words, text=None):
    return subprocess.run(words, input=text, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("protocol", ["-2", "-3"])
def test_redis_cli(trips, protocol):
    host, port = trips.resp.rsplit(":", 1)
    cli = ["redis-cli", protocol, "-h", host, "-p", port]
    assert run(*cli, "HMGET", "city:Oslo", "trips", "top").stdout == f"4\n{OSLO['top']}\n"
    assert run(*cli, "PING").stdout == "PONG\n"
    piped = run(*cli, text="HGET city:Oslo fare\nHGET 'city:a|b' fare\nEXISTS city:Oslo\n")
    assert piped.stdout.splitlines()[0] == "7.5" and piped.stdout.splitlines()[-1] == "1"
    assert "READONLY" in run(*cli, "SET", "a", "b").stdout


@pytest.mark.parametrize("pipeline", ["1", "16"])
def test_redis_benchmark(trips, pipeline):
    host, port = trips.resp.rsplit(":", 1)
    done = run("redis-benchmark", "-h", host, "-p", port, "-n", "20000", "-c", "20", "-P", pipeline,
               "--csv", "HMGET", "city:Oslo", "trips", "fare", "median")
    assert done.returncode == 0, done.stderr
    assert "ERR" not in done.stdout + done.stderr
    assert float(done.stdout.splitlines()[-1].rsplit('","')[1]) > 0
