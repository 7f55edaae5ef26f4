"""Times requests to a server, alone and with what puts a token on them; prints JSON. Run by bench/python.ts."""

import json
import os
import sys
import time

import requests

url, ca, token, rounds, batch = sys.argv[1:]
os.environ["BEARER_TOKEN"] = token


def alone():
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def authlib():
    from authlib.integrations.requests_client import OAuth2Session

    return OAuth2Session(token={"access_token": token, "token_type": "Bearer"})


def igwn_auth_utils():
    from igwn_auth_utils.requests import Session

    return Session()


def requests_scitokens():
    from requests_scitokens import HTTPSciTokenAuth

    session = requests.Session()
    session.auth = HTTPSciTokenAuth()
    return session


clients = {}
results = {}
for name, make in {
    "requests": alone,
    "requests alone once more (the noise)": alone,
    "authlib, token given": authlib,
    "igwn-auth-utils, token discovered": igwn_auth_utils,
    "requests-scitokens, token discovered": requests_scitokens,
}.items():
    try:
        client = make()
    except ImportError:
        results[name] = None
        continue
    client.verify = ca
    answer = client.get(url)
    if not answer.json()["allowed"]:
        sys.exit(f"{name}: no token was sent; there is nothing to measure")
    clients[name] = client
    results[name] = {"wall": [], "cpu": []}

for turn in range(int(rounds)):
    for name in list(clients) if turn % 2 == 0 else list(clients)[::-1]:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(batch)):
            clients[name].get(url)
        results[name]["wall"].append((time.perf_counter() - wall) * 1e6 / int(batch))
        results[name]["cpu"].append((time.process_time() - cpu) * 1e6 / int(batch))

json.dump(results, sys.stdout)
