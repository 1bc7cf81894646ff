"""kcat from Debian (librdkafka 2.0)."""
import shutil
import subprocess

import pytest

from conftest import VARVE

pytestmark = pytest.mark.skipif(shutil.which("kcat") is None, reason="apt-get install kcat")


def kcat(node, *arguments, text=b"", check=True):
    done = subprocess.run(["kcat", "-q", "-b", node.kafka, *arguments], input=text,
                          capture_output=True, timeout=120)
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
