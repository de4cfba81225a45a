#!/usr/bin/env python3
"""The sample incident as a running system: a gateway and a message processor that log to files as ECS JSON lines.

    app.py gateway            accepts messages, makes some itself, hands each to a processor
    app.py processor          serves /health, /metrics, /process, and tells at /routes which kinds of message go where

Version v42 of the processor claims the alerts for /alert and never serves it. It answers 404 there, at INFO level, and nobody logs an error.
Only the standard library is used.

Environment: PORT (8080), LOG_FOLDER (/var/log/shop), VERSION, IMAGE, START_AFTER and STOP_AFTER in seconds (a rolling deployment is two
processors, one that stops and one that starts later), and for the gateway PROCESSORS (host:port, comma-separated), MESSAGES_PER_MINUTE (40).
"""

import json
import os
import random
import secrets
import signal
import socket
import sys
import threading
import time
import uuid
from datetime import datetime, timezone
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROLES = {"gateway": "ingest-gateway", "processor": "message-processor"}


class Log:
    """Appends ECS documents to one file of this process. Lines of several threads do not mix."""

    def __init__(self, folder, service, version, image):
        host = socket.gethostname()
        path = Path(folder) / f"{service}-{version}-{host}.ndjson"
        self.file = path.open("a", buffering=1, encoding="utf-8")
        self.lock = threading.Lock()
        self.constants = {
            "service": {"name": service, "version": version},
            "container": {"name": f"{service}-{host}", "image": {"name": image, "tag": version}},
            "host": {"name": host},
        }

    def write(self, level, logger, message, **fields):
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"@timestamp": now, "message": message, "log": {"level": level, "logger": logger}, **self.constants, **fields}
        text = json.dumps(line, separators=(",", ":"))
        with self.lock:
            print(text, file=self.file)
        print(text, flush=True)


class Handler(BaseHTTPRequestHandler):
    """Finds the route, and logs each request when it is answered, as most frameworks do: whatever the status is."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        began = time.perf_counter_ns()
        self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        trace, parent = self.trace_parent()
        span = secrets.token_hex(8)
        route = self.server.routes.get((self.command, path))
        status, body = route(trace, span) if route else (404, {"status": "not found"})
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        took = time.perf_counter_ns() - began
        fields = {
            "http": {"request": {"method": self.command}, "response": {"status_code": status}},
            "url": {"path": path},
            "event": {"duration": took},
        }
        if trace:
            fields |= {"trace": {"id": trace}, "span": {"id": span}}
        if parent:
            fields["parent"] = {"id": parent}
        self.server.log.write("INFO", "http.access", f"{self.command} {path} {status} {took / 1e6:.1f} ms", **fields)

    def trace_parent(self):
        """The ids of a W3C traceparent header, or nothing."""
        parts = (self.headers.get("traceparent") or "").split("-")
        return (parts[1], parts[2]) if len(parts) == 4 else (None, None)

    def log_message(self, *_):
        """The access log above replaces that of the base class."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port, log, routes):
        super().__init__(("", port), Handler)
        self.log = log
        self.routes = routes


def probes():
    return {
        ("GET", "/health"): lambda *_: (200, {"status": "up"}),
        ("GET", "/metrics"): lambda *_: (200, {"requests": "counted elsewhere"}),
    }


def processor(port, log, version):
    def process(*_):
        time.sleep(random.uniform(0.007, 0.03))
        return 200, {"status": "processed"}

    claims_alerts = version >= "v42"
    table = {"event": "/process", "order": "/process", "alert": "/alert" if claims_alerts else "/process"}
    # The mistake: a route that the table promises is not among those that are served.
    routes = probes() | {("POST", "/process"): process, ("GET", "/routes"): lambda *_: (200, table)}
    return Server(port, log, routes)


class Gateway:
    def __init__(self, log, processors):
        self.log = log
        self.processors = processors
        self.live = []
        self.table = {}

    def ask(self, address, method, path, headers=None):
        host, _, port = address.partition(":")
        connection = HTTPConnection(host, int(port or 8080), timeout=3)
        try:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")
        finally:
            connection.close()

    def watch(self):
        """Asks every processor whether it is there, as probes and scrapers do, and the newest of them for its routes."""
        while True:
            live = []
            for address in self.processors:
                try:
                    self.ask(address, "GET", "/health")
                    self.ask(address, "GET", "/metrics")
                    live.append(address)
                except (OSError, HTTPException):
                    continue
            if live:
                try:
                    _, table = self.ask(live[-1], "GET", "/routes")
                    if table != self.table:
                        self.log.write("INFO", "gateway.routes", f"route table refreshed from {live[-1]}: alert goes to {table['alert']}")
                    self.live, self.table = live, table
                except (OSError, HTTPException):
                    self.live = live
            time.sleep(5)

    def accept(self, trace, span, kind=None):
        kind = kind or random.choices(["event", "alert", "order"], [40, 40, 20])[0]
        message = str(uuid.uuid4())
        fields = {"message_id": message, "trace": {"id": trace}, "span": {"id": span}}
        self.log.write("INFO", "gateway.ingest", f"accepted message, kind {kind}", **fields)
        if not self.live:
            self.log.write("ERROR", "gateway.ingest", "no processor is there, message refused", **fields)
            return 503, {"status": "try again"}
        # The newest processor's table holds for alerts, so they go to that one.
        address = self.live[-1] if kind == "alert" else random.choice(self.live)
        try:
            # What the processor answers is its own business: the gateway has handed the message over.
            self.ask(address, "POST", self.table.get(kind, "/process"), {"traceparent": f"00-{trace}-{span}-01"})
        except (OSError, HTTPException) as error:
            self.log.write("WARN", "gateway.ingest", f"processor {address} did not answer: {error}", **fields)
            return 502, {"status": "try again"}
        self.log.write("DEBUG", "gateway.ingest", "handed message over to message-processor", **fields)
        return 202, {"message_id": message}

    def make_messages(self, per_minute):
        while True:
            time.sleep(random.expovariate(per_minute / 60))
            self.accept(secrets.token_hex(16), secrets.token_hex(8))


def gateway(port, log, processors, per_minute):
    ours = Gateway(log, processors)
    for work in (ours.watch, lambda: ours.make_messages(per_minute)):
        threading.Thread(target=work, daemon=True).start()
    accept = {("POST", "/v1/messages"): lambda trace, span: ours.accept(trace or secrets.token_hex(16), span)}
    return Server(port, log, probes() | accept)


def main():
    role = sys.argv[1] if len(sys.argv) == 2 else ""
    if role not in ROLES:
        sys.exit(__doc__)
    environment = os.environ
    version, service, port = environment.get("VERSION", "v41"), ROLES[role], int(environment.get("PORT", "8080"))
    time.sleep(float(environment.get("START_AFTER", "0")))
    log = Log(environment.get("LOG_FOLDER", "/var/log/shop"), service, version, environment.get("IMAGE", f"registry.example/{service}"))
    log.write("INFO", "app.start", f"starting {service} {version}")
    if role == "gateway":
        processors = environment.get("PROCESSORS", "localhost:8081").split(",")
        server = gateway(port, log, processors, float(environment.get("MESSAGES_PER_MINUTE", "40")))
    else:
        server = processor(port, log, version)
    log.write("INFO", "http.server", f"listening on 0.0.0.0:{port}")

    def stop(*_):
        log.write("INFO", "app.stop", "SIGTERM received, finishing open requests")
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if lifetime := float(environment.get("STOP_AFTER", "0")):
        timer = threading.Timer(lifetime, stop)
        timer.daemon = True
        timer.start()
    server.serve_forever()
    log.write("INFO", "app.stop", "stopped")


if __name__ == "__main__":
    main()
