#!/usr/bin/env python3
"""Reads a metrics page and checks samples: read_metrics.py URL 'name{label=value}=number' ...

A strict reader of the text format reads it (HELP and TYPE before the samples of a family, each family
once, no sample twice, histograms cumulative and with +Inf), and Prometheus' own parser must find the
same families, types and samples; promtool, where it is installed, must find no fault. An expectation
holds if the samples with those labels have that sum.
"""
import re
import shutil
import subprocess
import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"^({NAME})(?:\{{(.*)\}})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def strict(text):
    assert text.endswith("\n"), "the last line has no end"
    families, samples, current = {}, [], None
    seen = set()
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            current = line.split(" ")[2]
            assert current not in families, f"{current} comes twice"
            families[current] = None
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and families[name] is None, line
            assert kind in ("counter", "gauge", "histogram"), line
            families[name] = kind
        else:
            match = SAMPLE.match(line)
            assert match, f"no sample: {line}"
            name, inside, value = match.groups()
            suffixes = ("",)
            if families[current] == "histogram":
                suffixes = ("_bucket", "_sum", "_count")
            assert name in [current + end for end in suffixes], line
            labels, rest = {}, inside or ""
            while rest:
                label = LABEL.match(rest)
                assert label, f"no labels: {line}"
                assert label.group(1) not in labels, line
                labels[label.group(1)] = label.group(2)
                rest = rest[label.end():]
            key = (name, tuple(sorted(labels.items())))
            assert key not in seen, f"twice: {line}"
            seen.add(key)
            samples.append((name, labels, float(value)))
    return families, samples


def check_with_prometheus(text, families, samples):
    found = []
    for family in text_string_to_metric_families(text):
        # The parser takes the end from a counter's name.
        name = family.name if family.name in families else family.name + "_total"
        assert families.pop(name) == family.type, f"{name} is a {family.type}"
        found += [(one.name, one.labels, one.value) for one in family.samples]
    assert not families, f"Prometheus does not find {families}"
    assert found == samples, "Prometheus reads something else"
    if promtool := shutil.which("promtool"):
        result = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=30
        )
        assert "error" not in result.stderr, result.stderr


def check_histograms(samples):
    groups = {}
    for name, labels, value in samples:
        if name.endswith("_bucket"):
            rest = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
            groups.setdefault((name, rest), []).append((float(labels["le"]), value))
    for key, buckets in groups.items():
        assert buckets == sorted(buckets), f"{key} is not in order"
        counts = [count for _, count in buckets]
        assert counts == sorted(counts), f"{key} does not add up"
        assert buckets[-1][0] == float("inf"), f"{key} has no +Inf"


def main():
    with urllib.request.urlopen(sys.argv[1], timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    families, samples = strict(text)
    check_histograms(samples)
    check_with_prometheus(text, families, samples)
    for wanted in sys.argv[2:]:
        name, labels, value = re.match(r"^([^{=]+)(?:\{(.*)\})?=(.*)$", wanted).groups()
        pairs = dict(pair.split("=") for pair in (labels or "").split(",") if pair)
        found = [v for n, l, v in samples if n == name and pairs.items() <= l.items()]
        assert found and sum(found) == float(value), f"{wanted}, but {found}\n{text}"


main()
