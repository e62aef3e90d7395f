#!/usr/bin/env python3
"""Makes the calls that a gost was asked and compares the answers with gost's.

gost_api.py ADDRESS USER:PASSWORD CALLS PORT... Each call is [method, path, body, status, content type,
answer]; PORT0, PORT1, ... stand for the ports given. What gost tells must be told, in the same words;
there may be more. A message that ends with a colon is the beginning of ours.
"""
import base64
import http.client
import json
import sys


def tells(ours, theirs, place):
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), f"{place}: {ours}"
        for key, value in theirs.items():
            assert key in ours, f"{place}: no {key} in {ours}"
            tells(ours[key], value, f"{place}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list) and len(ours) == len(theirs), f"{place}: {ours}"
        for index, (one, other) in enumerate(zip(ours, theirs)):
            tells(one, other, f"{place}[{index}]")
    elif isinstance(theirs, str) and theirs.endswith(":"):
        assert ours.startswith(theirs), f"{place}: {ours}"
    else:
        assert ours == theirs, f"{place}: {ours!r}, but {theirs!r}"


def main():
    address, login, path, *ports = sys.argv[1:]
    with open(path) as file:
        text = file.read()
    for index, port in enumerate(ports):
        text = text.replace(f"PORT{index}", port)
    calls = json.loads(text)
    authorization = "Basic " + base64.b64encode(login.encode()).decode()
    connection = http.client.HTTPConnection(address, timeout=20)
    for method, target, body, status, kind, expected in calls:
        place = f"{method} {target} {json.dumps(body)}"
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        fields = {"Authorization": authorization, "Content-Type": "application/json"}
        connection.request(method, target, body, fields)
        answer = connection.getresponse()
        content = answer.read().decode()
        assert answer.status == status, f"{place}: {answer.status} {content}"
        told = answer.headers["Content-Type"]
        assert told == kind or told.startswith("text/plain; "), f"{place}: {told}"
        if "json" in kind:
            tells(json.loads(content), expected, place)
        elif expected is not None:
            assert content == expected, f"{place}: {content}"


main()
