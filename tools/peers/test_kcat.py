"""kcat from Debian (librdkafka 2.0)."""
import hashlib
import shutil
import subprocess
import time

import pytest

from conftest import VARVE

pytestmark = pytest.mark.skipif(shutil.which("kcat") is None, reason="apt-get install kcat")


def kcat(node, *arguments, text=b"", check=True, seconds=120):
    done = subprocess.run(["kcat", "-q", "-b", node.kafka, *arguments], input=text,
                          capture_output=True, timeout=seconds)
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_a_pipeline(node, topic, codec):
    topic = f"{topic}-{codec}"
    text = b"".join(b"line %d\n" % n for n in range(20_000))
    kcat(node, "-P", "-t", topic, "-z", codec, "-X", "enable.idempotence=true", text=text)
    assert kcat(node, "-C", "-t", topic, "-e", "-o", "beginning").stdout == text


def test_metadata_and_times(node, topic):
    kcat(node, "-P", "-t", topic, text=b"a\nb\n")
    assert topic.encode() in kcat(node, "-L").stdout
    assert kcat(node, "-Q", "-t", f"{topic}:0:-1").stdout.strip().endswith(b"offset 2")
    assert kcat(node, "-C", "-t", topic, "-e", "-o", "-1").stdout == b"b\n"


def test_a_group(node, topic):
    kcat(node, "-P", "-t", topic, text=b"a\nb\n")
    done = kcat(node, "-G", f"g-{topic}", "-X", "auto.offset.reset=earliest", "-c", "2", topic)
    assert done.stdout == b"a\nb\n"


def test_scram_with_a_doubled_nonce(fresh_node):
    subprocess.run([VARVE, "user", "add", "ada", "--role", "operator", "--dir",
                    fresh_node.directory], input=b"password-of-ada\n", check=True, timeout=30,
                   capture_output=True)
    login = ["-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanism=SCRAM-SHA-256",
             "-X", "sasl.username=ada", "-X", "sasl.password=password-of-ada"]
    kcat(fresh_node, "-P", "-t", "t", *login, text=b"x\n")
    assert kcat(fresh_node, "-C", "-t", "t", "-e", *login).stdout == b"x\n"
    assert kcat(fresh_node, "-L", "-m", "3", check=False).returncode != 0


def test_many_records(node, topic, many):
    """lz4 and idempotence, PEER_RECORDS of them, by their checksum."""
    text = b"".join(b'{"n":%d,"carrier":"UA","delay":%d}\n' % (n, n * 7 % 1000)
                    for n in range(many))
    started = time.monotonic()
    kcat(node, "-P", "-t", topic, "-z", "lz4", "-X", "enable.idempotence=true", "-X", "acks=all",
         "-X", "linger.ms=20", text=text, seconds=300)
    sent = time.monotonic()
    back = kcat(node, "-C", "-t", topic, "-e", "-o", "beginning", seconds=300).stdout
    done = time.monotonic()
    print(f"{many} records with kcat: {many / (sent - started):,.0f}/s appended,"
          f" {many / (done - sent):,.0f}/s read, SHA-256 {hashlib.sha256(back).hexdigest()[:16]}")
    assert hashlib.sha256(back).hexdigest() == hashlib.sha256(text).hexdigest()
    assert kcat(node, "-Q", "-t", f"{topic}:0:-1").stdout.strip().endswith(b"offset %d" % many)


def test_transactions_are_refused_in_words(node, topic):
    kcat(node, "-P", "-t", topic, text=b"a\n")
    started = time.monotonic()
    done = kcat(node, "-P", "-t", topic, "-X", "transactional.id=t", text=b"b\n", check=False)
    assert done.returncode != 0 and time.monotonic() - started < 30
    assert b"Transactional Id authorization failed" in done.stderr
    assert b"set enable.idempotence=true" in done.stderr
    assert kcat(node, "-C", "-t", topic, "-e").stdout == b"a\n"


def test_queries(node, topic):
    """Offsets by time, a range of times, metadata as JSON, everything in the log's order."""
    for n in range(4):
        kcat(node, "-P", "-t", topic, "-H", f"n={n}", text=b"%d\n" % n)
    for time_ms, offset in [(-2, b"0"), (-1, b"4"), (1, b"0")]:
        found = kcat(node, "-Q", "-t", f"{topic}:0:{time_ms}").stdout.split()
        assert found[-1] == offset
    assert b'"topic":"%s"' % topic.encode() in kcat(node, "-L", "-J").stdout
    found = kcat(node, "-C", "-t", topic, "-e", "-X", "isolation.level=read_committed",
                 "-f", "%o:%h ").stdout
    assert found == b"0:n=0 1:n=1 2:n=2 3:n=3 "
    everything = kcat(node, "-C", "-t", "varve.all", "-e", "-f", "%h\n").stdout
    assert b"varve.stream=%s,varve.partition=0,varve.offset=3" % topic.encode() in everything
