#!/usr/bin/python3
"""Web pages to look at, on loopback. Prints "ready PORT…" once it listens: two ports with HTTP, which are two origins, then one
for each --tls CERTIFICATE,KEY. Every port serves the same pages and knows the same state.

Pages tell in their pixels what they are: at their top is a strip of cells, magenta, 44 black or white ones, green. The bits, the
highest first: 24 tell the count, 8 how often the page was loaded, 8 its mark, 4 a sum (see cells.js; webharness.py reads it). The
count is the time since 1970 in ticks of rate a second: what a picture of it was taken at can be read off it.

Pages take from their address: rate (ticks per second, 25), draws (how often they are drawn in a second, 5: each costs CPU), cell
(size of a cell in pixels, 12), mark (0 to 255).

For tests, on every port, and in no log:
    /control/requests?path=/x     what was asked for, oldest first: [{"port", "method", "path", "query", "headers", "at"}]
    /control/set?name=value       sets what pages do: see State; /control/state says what is set
    /control/end-sessions         logs everybody out
    /control/reports              what pages reported: [{"page", "value"}]

Standard library only."""
import argparse
import base64
import http.server
import json
import os
import secrets
import signal
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


class State:
    """What all ports share; under its lock."""

    def __init__(self):
        self.lock, self.beat = threading.Lock(), threading.Event()
        self.requests, self.reports, self.loads, self.sessions = [], [], {}, set()
        self.values = {
            "user": "viewer", "password": "Sesame:3141",  # of /basic and of the log-in forms
            "x": "100", "y": "200", "w": "640", "h": "360", "shown": "1",  # the box of /element
            "status": "200",  # of /switch
            "mark": "0",  # of pages that follow it
            "go": "",  # where /follow is to go
        }

    def set(self, values):
        with self.lock:
            self.values.update(values)

    def get(self, name):
        with self.lock:
            return self.values[name]

    def count_load(self, path):
        with self.lock:
            self.loads[path] = self.loads.get(path, 0) + 1
            return self.loads[path]


CELLS = """
const query = new URLSearchParams(location.search);
const rate = +(query.get("rate") || 25), draws = +(query.get("draws") || 5), cell = +(query.get("cell") || 12);
let mark = +(query.get("mark") || 0), frozen = null;
const canvas = document.createElement("canvas");
canvas.id = "cells";
canvas.width = 46 * cell;
canvas.height = 2 * cell;
canvas.style = "position: absolute; left: 16px; top: 16px; z-index: 9";
const digits = document.createElement("div");
digits.style = "position: absolute; left: 16px; top: " + (20 + 2 * cell) + "px; font: bold " + 4 * cell + "px DejaVu Sans Mono, monospace; color: #000";
function bits(value, count) { return [...Array(count).keys()].map(i => Math.floor(value / 2 ** (count - 1 - i)) % 2); }
function draw() {
    const count = (frozen ?? Math.floor(Date.now() * rate / 1000)) % 2 ** 24;
    const pen = canvas.getContext("2d");
    const sum = (count % 16 + Math.floor(count / 16) % 16 + Math.floor(count / 256) % 16 + LOAD + mark) % 16;
    const all = [...bits(count, 24), ...bits(LOAD % 256, 8), ...bits(mark, 8), ...bits(sum, 4)];
    pen.fillStyle = "#f0f"; pen.fillRect(0, 0, cell, 2 * cell);
    all.forEach((bit, i) => { pen.fillStyle = bit ? "#fff" : "#000"; pen.fillRect((i + 1) * cell, 0, cell, 2 * cell); });
    pen.fillStyle = "#0f0"; pen.fillRect(45 * cell, 0, cell, 2 * cell);
    digits.textContent = count;
}
function show(parent) { parent.append(canvas, digits); draw(); }
function tick() {  // just behind a change of the count
    draw();
    setTimeout(tick, 1000 / draws - Date.now() % (1000 / draws) + 1);
}
async function state() { return (await fetch("/control/state")).json(); }
function report(value) { fetch("/control/report", {method: "POST", body: JSON.stringify({page: location.pathname, value: value})}); }
"""

# Edges of known colours: red on the left, green on the right, blue above, yellow below. A scroll bar would hide one.
EDGES = """<div style="position: fixed; z-index: 8; left: 0; top: 0; width: 8px; height: 100%; background: #f00"></div>
<div style="position: fixed; z-index: 8; right: 0; top: 0; width: 8px; height: 100%; background: #0f0"></div>
<div style="position: fixed; z-index: 8; left: 0; top: 0; width: 100%; height: 8px; background: #00f"></div>
<div style="position: fixed; z-index: 8; left: 0; bottom: 0; width: 100%; height: 8px; background: #ff0"></div>"""

DASHBOARD = "".join(
    f"""<section><h2>{name}</h2><svg viewBox="0 0 200 100"><path d="M20 90A80 80 0 0 1 180 90" fill="none" stroke="#ccc"
    stroke-width="14"/><path d="M20 90A80 80 0 0 1 {70 + i * 25} {16 + i * 3}" fill="none" stroke="#07c" stroke-width="14"/>
    <text x="100" y="88" text-anchor="middle" font-size="34">{37 + i * 11}</text></svg>
    <table>{"".join(f"<tr><td>{name} {j}</td><td>{(i * 37 + j * 11) % 100} %</td></tr>" for j in range(6))}</table></section>"""
    for i, name in enumerate(("Boiler", "Pump", "Valve", "Tank")))

# path: what is in the body. LOAD, ORIGIN (the other port's) and QUERY_x (x of the address) are put in.
PAGES = {
    # changes rate times a second, in a page higher than the window
    "/counter": EDGES + """<div style="height: 3000px"></div><script>show(document.body); tick();</script>""",
    # the same, drawn with the screen's refresh
    "/smooth": EDGES + """<script>show(document.body); (function frame() { draw(); requestAnimationFrame(frame); })();</script>""",
    "/static": EDGES + """<style>h1 { margin: 230px 40px 0 } main { display: grid; grid-template-columns: repeat(4, 1fr); gap: 20px;
        padding: 20px 40px } section { border: 1px solid #888; padding: 12px } td { padding: 2px 10px; font-size: 15px }</style>
        <h1>North plant</h1><main>""" + DASHBOARD + """</main><script>frozen = 5000000; show(document.body);</script>""",
    # the same with a part that changes
    "/busy": EDGES + """<style>h1 { margin: 230px 40px 0 } main { display: grid; grid-template-columns: repeat(4, 1fr); gap: 20px;
        padding: 20px 40px } section { border: 1px solid #888; padding: 12px } td { padding: 2px 10px; font-size: 15px }</style>
        <h1>North plant</h1><main>""" + DASHBOARD + """</main><script>show(document.body); tick();</script>""",
    # shows what /control/set?mark= says, and nothing else that changes
    "/mark": EDGES + """<script>frozen = 1; show(document.body);
        (async function look() { mark = +(await state()).mark; draw(); setTimeout(look, 200); })();</script>""",
    # asks its server for something ten times a second
    "/beats": EDGES + """<script>show(document.body); tick();
        setInterval(() => fetch("/beat?who=" + query.get("who")), 100);</script>""",
    # an element among others: its size and place as /control/set says
    "/element": """<style>body { background: #888 !important }</style><h1>Not the box</h1><div id="beside" style="position: absolute; left: 0; top: 300px;
        width: 100px; height: 50px; background: #f00"></div><div style="height: 2500px"></div>
        <div id="box" style="position: absolute; background: #00f; overflow: hidden"></div>
        <script>const box = document.getElementById("box");
        function put(s) { box.style.left = s.x + "px"; box.style.top = s.y + "px"; box.style.width = s.w + "px";
            box.style.height = s.h + "px"; if (s.shown === "1") document.body.append(box); else box.remove(); }
        show(box); tick(); (async function look() { put(await state()); setTimeout(look, 200); })();
        setInterval(() => fetch("/beat?" + LOAD), 500);</script>""",
    # asks for things of its own origin and of the other one; FOREIGN is the other under another name: its frame is another process
    "/parts": EDGES + """<link rel="stylesheet" href="ORIGIN/part.css"><img src="ORIGIN/part.png"><img src="/own.png">
        <iframe src="ORIGIN/part.html"></iframe><iframe src="FOREIGN/framed"></iframe><script src="ORIGIN/part.js"></script>
        <script>show(document.body); tick();
        fetch("ORIGIN/part.json", {mode: "cors"}).catch(() => 0); fetch("/own.json");
        fetch("/redirect?to=" + encodeURIComponent("ORIGIN/redirected.json")).catch(() => 0);
        new Image().src = "/basic/own.png"; new Image().src = "/redirect?to=" + encodeURIComponent("ORIGIN/basic/redirected.png");
        new Image().src = "ORIGIN/basic/part.png"; fetch("ORIGIN/basic/part.json").catch(() => 0);
        new Worker(URL.createObjectURL(new Blob(["fetch('ORIGIN/worker.json')"])));
        try { new WebSocket("ORIGIN/socket".replace("http", "ws")); } catch (error) {}
        navigator.sendBeacon("ORIGIN/beacon");</script>""",
    "/framed": """<form action="/steal" method="post"><input id="user"><input id="password"><button id="submit"></button></form>
        <img src="/basic/framed.png"><script>fetch("/basic/framed.json").catch(() => 0);</script>""",
    # it is far below, in a page that scrolls back whatever scrolls it
    "/pinned": """<style>body { background: #f00 !important }</style><div style="height: 4000px"></div><div id="box" style="position:
        absolute; left: 50px; top: 2500px; width: 640px; height: 360px; background: #00f"></div>
        <script>(function pin() { scrollTo(0, 0); requestAnimationFrame(pin); })();</script>""",
    # it is far below, in a part of the page that scrolls by itself
    "/inner": """<style>body { background: #f00 !important }</style><div style="position: fixed; left: 100px; top: 100px; width: 800px;
        height: 500px; overflow: auto"><div style="height: 350px"></div><div id="box" style="width: 640px; height: 360px; background:
        #00f"></div><div style="height: 3000px"></div></div>""",
    # the same element in a page where nothing changes; it turns green at the end of a long answer
    "/still-element": """<div style="height: 2500px"></div><div id="box" style="position: absolute; background: #00f"></div>
        <script>const box = document.getElementById("box");
        state().then(s => { box.style.left = s.x + "px"; box.style.top = s.y + "px"; box.style.width = s.w + "px";
            box.style.height = s.h + "px"; });
        fetch("/control/wait-beat").then(() => { box.style.background = "#0f0"; });</script>""",
    # shows what /control/set?mark= says; with what is expected of it, which nobody sees, or without
    "/expected": EDGES + """<script>frozen = 1; show(document.body);
        const expected = document.head.appendChild(document.createElement("meta")); expected.id = "expected";
        (async function look() { const s = await state(); if (mark !== +s.mark) { mark = +s.mark; draw(); }
            if (s.shown === "1") document.head.append(expected); else expected.remove(); setTimeout(look, 100); })();</script>""",
    # sends the browser away after a while, when told
    "/follow": EDGES + """<script>show(document.body); tick();
        (async function look() { const go = (await state()).go; if (go) location = go; else setTimeout(look, 100); })();</script>""",
    "/alerts": EDGES + """<script>show(document.body);
        (function ask() { alert("Stop! " + mark); confirm("Sure?"); prompt("Why?"); mark = (mark + 1) % 256; draw(); setTimeout(ask, 40);
        })(); onbeforeunload = e => { e.preventDefault(); return "stay"; };</script>""",
    "/popups": EDGES + """<script>show(document.body); tick(); let n = 0;
        setInterval(() => { if (n < 30) { window.open("/popped?n=" + n, "_blank"); n++; } }, 100);
        setTimeout(() => { const a = document.createElement("a"); a.href = "/popped?n=link"; a.target = "_blank"; document.body.append(a);
            a.click(); }, 300);</script>""",
    "/popped": """<h1>An advertisement</h1><script>show(document.body); tick();
        setInterval(() => fetch("/beat?who=popped"), 100);</script>""",
    "/downloads": EDGES + """<iframe src="/file.bin"></iframe><a id="a" href="/file.bin?link" download="dd-download.bin">x</a>
        <script>show(document.body); tick(); document.getElementById("a").click();
        setTimeout(() => { location = "/file.bin?location"; }, 500);</script>""",
    # takes memory for ever: megabytes a second, in arrays that are written to
    "/allocate": EDGES + """<script>show(document.body); tick(); const kept = [];
        setInterval(() => { const a = new Uint8Array((+query.get("megabytes") || 40) * 1000000);
            for (let i = 0; i < a.length; i += 4096) a[i] = i / 4096; kept.push(a); }, 1000);</script>""",
    # the same before it has loaded, which is never
    "/allocate-loading": EDGES + """<img src="/never"><script>show(document.body); const kept = [];
        setInterval(() => { const a = new Uint8Array(10000000); a.fill(1); kept.push(a); }, 100);</script>""",
    # hangs, while something that needs no script moves on
    "/loop-moving": EDGES + """<style>@keyframes turn { to { transform: rotate(1turn) } } #turning { position: absolute; left: 500px;
        top: 300px; width: 200px; height: 200px; background: #07c; animation: turn 2s linear infinite; will-change: transform }</style>
        <div id="turning"></div><script>show(document.body); tick(); setTimeout(() => { for (;;); }, 3000);</script>""",
    "/loop": EDGES + """<script>show(document.body); tick(); setTimeout(() => { for (;;); }, 1000 * (query.get("after") || 2));
        </script>""",
    "/endless-part": EDGES + """<script>show(document.body); tick();</script><img src="/never">""",
    "/text": """<style>span { position: absolute; top: 100px; width: 100px; height: 120px; font-size: 90px; line-height: 120px;
        text-align: center; overflow: hidden }</style><script>document.body.style.background = "#fff";
        [..."温度表安", "\\u{1f525}", "\\u{1f6a8}", "g"].forEach((c, i) => { const s = document.createElement("span");
            s.textContent = c; s.style.left = 100 * i + "px"; document.body.append(s); });</script>
        <p style="position: absolute; top: 300px; font-size: 32px">锅炉房一号 温度 86 ℃ 压力 1.2 MPa 🔥 警告 ⚠️ Ärger, Größe, 100 µm</p>""",
    # its background says what is preferred
    "/look": """<style>body { background: #fff } @media (prefers-color-scheme: dark) { body { background: #003 } }
        </style><style id="none"></style>""" + EDGES + """<div id="menu" style="position: absolute; left: 100px; top: 120px;
        width: 200px; height: 200px; background: #f00"></div><script>show(document.body); tick();
        report({mark: mark, zone: Intl.DateTimeFormat().resolvedOptions().timeZone, offset: new Date(2026, 6, 1).getTimezoneOffset(),
            language: navigator.language, languages: navigator.languages, number: (1234.5).toLocaleString(),
            dark: matchMedia("(prefers-color-scheme: dark)").matches, width: innerWidth, height: innerHeight, ratio: devicePixelRatio,
            agent: navigator.userAgent, hidden: document.hidden, scrollbar: innerWidth - document.documentElement.clientWidth});
        </script>""",
    # bands of 500 px, and a box that scrolls by itself
    "/bands": "<style>body { margin: 0 } div { height: 500px } #inner { position: absolute; top: 4000px; left: 700px; width: 400px; "
              "height: 300px; overflow: auto } #inner div { height: 250px }</style>" + "".join(
                  f'<div id="band{i}" style="background: {c}">{i}</div>' for i, c in enumerate(
                      ("#f00", "#0f0", "#00f", "#ff0", "#f0f", "#0ff", "#800", "#080", "#008", "#880"))) +
              '<div id="inner">' + "".join(f'<div id="inner{i}" style="background: {c}"></div>' for i, c in enumerate(
                  ("#400", "#040", "#fff", "#044"))) + "</div>",
    "/login": EDGES + """<form id="form" method="post" action="ACTION" style="position: absolute; top: 200px; left: 40px">
        <input name="user" id="user"><input name="password" id="password" type="password"><button id="submit">Log in</button></form>
        <script>frozen = 2; mark = 77; show(document.body);</script>""",
    # the form is made late, sent by a script, and the page stays
    "/login-script": EDGES + """<script>frozen = 2; mark = 77; show(document.body); setTimeout(() => {
        document.body.insertAdjacentHTML("beforeend", `<form id="form" style="position: absolute; top: 200px; left: 40px"><input id="user">
            <input id="password" type="password"><button id="submit" disabled>Log in</button></form>`);
        const user = document.getElementById("user"), password = document.getElementById("password");
        let typed = "";  // as frameworks do: what no event told counts for nothing
        document.getElementById("form").oninput = () => { typed = user.value + "\\n" + password.value;
            document.getElementById("submit").disabled = !user.value || !password.value; };
        document.getElementById("form").onsubmit = async event => { event.preventDefault();
            const [u, p] = typed.split("\\n");
            const answer = await fetch("/login", {method: "POST", body: new URLSearchParams({user: u, password: p, script: 1})});
            if (answer.ok && (await answer.json()).ok) location.reload(); }; }, 600);</script>""",
    # behind the log-in
    "/private": EDGES + """<div id="dashboard"></div><script>show(document.body); tick();
        (async function look() { if ((await fetch("/session")).status != 200) location.reload(); else setTimeout(look, 200); })();
        </script>""",
}
NEXT_TO_PRIVATE = {"/private": "/login", "/private-script": "/login-script"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state = State()
    origins = []  # of the first two ports
    timeout = 60

    def log_message(self, *unused):
        pass

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, TimeoutError, ssl.SSLError):
            pass

    # ---- answers ----

    def answer(self, body, status=200, kind="text/html; charset=utf-8", headers=(), cache="no-store"):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", cache)
        self.send_header("Access-Control-Allow-Origin", "*")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, value, headers=()):
        self.answer(json.dumps(value), kind="application/json", headers=headers)

    def page(self, path, status=200, headers=(), cache="no-store"):
        other = self.origins[1] if self.server.server_port == self.server_port_of(self.origins[0]) else self.origins[0]
        load = self.state.count_load(path)
        foreign = other.replace("127.0.0.1", "localhost")
        body = PAGES[path].replace("ORIGIN", other).replace("FOREIGN", foreign).replace("ACTION", self.query.get("action", "/login"))
        self.answer(f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{path}</title></head>'
                    f'<body style="margin: 0"><script>const LOAD = {load};{CELLS}</script>{body}</body></html>',
                    status, headers=headers, cache=cache)

    @staticmethod
    def server_port_of(origin):
        return int(origin.rsplit(":", 1)[1])

    def endless(self):
        """A head, then a little now and then."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.query.get("as") != "png" else "image/png")
        self.send_header("Content-Length", "100000000")
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><h1>Loading")
        while True:
            self.wfile.write(b".")
            self.wfile.flush()
            time.sleep(0.2)

    # ---- what is asked ----

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        size = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(size) if size else b""
        if url.path.startswith("/control/"):
            return self.control(url.path[9:])
        with self.state.lock:
            self.state.requests.append({"port": self.server.server_port, "method": self.command, "path": url.path, "query": url.query,
                                        "headers": dict(self.headers), "at": time.time(), "body": self.body.decode(errors="replace")})
            del self.state.requests[:-5000]
        return self.serve(url.path)

    do_POST = do_HEAD = do_OPTIONS = do_GET

    def serve(self, path):
        handler = getattr(self, "get_" + path[1:].split("/")[0].replace("-", "_").replace(".", "_"), None)
        if handler:
            handler(path)
        elif path in PAGES and self.command != "POST":
            self.page(path)
        elif path.endswith(".png"):
            self.answer(PIXEL, kind="image/png")
        elif path.endswith((".css", ".js", ".json")):
            self.answer("{}", kind={"css": "text/css", "js": "text/javascript", "json": "application/json"}[path.rsplit(".", 1)[1]])
        elif path.endswith(".html") or path in ("/beacon", "/beat"):
            self.answer("part")
        else:
            self.answer(f"<h1>404</h1>{path} is not here", 404)

    def get_status(self, path):
        """/status/500: a page that answers so."""
        code = int(path.rsplit("/", 1)[1])
        headers = [("WWW-Authenticate", 'Basic realm="plant"')] if code == 401 and self.query.get("challenge") else []
        self.answer(f"<h1>{code}</h1>Sorry, an error.", code, headers=headers)

    def get_switch(self, _):
        """The counter, or an error page: as /control/set?status= says."""
        code = int(self.state.get("status"))
        self.page("/counter") if code == 200 else self.answer(f"<h1>{code}</h1>Sorry, an error.", code)

    def get_cached(self, _):
        """The counter, to be kept for an hour."""
        self.page("/counter", cache="max-age=3600")

    def get_redirect(self, _):
        self.answer("", int(self.query.get("code", 302)), headers=[("Location", self.query["to"])])

    def get_basic(self, path):
        """/basic…: behind a password."""
        wanted = base64.b64encode(f"{self.state.get('user')}:{self.state.get('password')}".encode()).decode()
        if self.headers.get("Authorization") != "Basic " + wanted:
            return self.answer("<h1>401</h1>Who are you?", 401, headers=[("WWW-Authenticate", 'Basic realm="plant"')])
        return self.page("/counter") if path == "/basic" else self.serve(path[6:] or "/counter")

    def get_endless(self, _):
        self.endless()

    def get_endless_part(self, path):
        self.page(path)

    def get_never(self, _):
        """Not even a head, as long as the browser waits."""
        self.connection.settimeout(3600)
        self.rfile.read(1)
        self.close_connection = True

    def get_cut(self, _):
        """No answer at all."""
        self.close_connection = True

    def get_file_bin(self, _):
        self.answer(b"dd-download" * 1000, kind="application/octet-stream",
                    headers=[("Content-Disposition", 'attachment; filename="dd-download.bin"')])

    # the log-in

    def session(self):
        cookies = dict(c.strip().split("=", 1) for c in self.headers.get("Cookie", "").split(";") if "=" in c)
        with self.state.lock:
            return cookies.get("session") in self.state.sessions

    def get_session(self, _):
        self.answer("", 200 if self.session() else 403)

    def get_private(self, path):
        """What is behind the log-in; else its form, at the same address or, with ?move, at its own."""
        if self.session():
            return self.page("/private")
        form = NEXT_TO_PRIVATE[path]
        if "move" in self.query:
            return self.answer("", 302, headers=[("Location", form + "?" + urllib.parse.urlencode(self.query))])
        return self.page(form)

    get_private_script = get_private

    def get_pass_on(self, _):
        """What is posted here is to be posted to the other origin."""
        self.answer("", 307, headers=[("Location", self.origins[1] + "/steal")])

    def get_login(self, path):
        if self.command != "POST":
            return self.page(path)
        form = dict(urllib.parse.parse_qsl(self.body.decode(errors="replace")))
        right = form.get("user") == self.state.get("user") and form.get("password") == self.state.get("password")
        headers = []
        if right:
            session = secrets.token_hex(16)
            with self.state.lock:
                self.state.sessions.add(session)
            headers = [("Set-Cookie", f"session={session}; HttpOnly; Path=/")]
        if "script" in form:
            return self.json({"ok": right}, headers)
        if right:
            query = urllib.parse.urlsplit(self.headers.get("Referer", "")).query  # so that a page is known by its address
            return self.answer("", 303, headers=[*headers, ("Location", "/private?" + query)])
        return self.page("/login")

    # ---- for tests ----

    def control(self, what):
        state = self.state
        if what == "requests":
            with state.lock:
                found = [r for r in state.requests if "path" not in self.query or r["path"] == self.query["path"]]
            return self.json(found)
        if what == "set":
            state.set(self.query)
        elif what == "beat":
            state.beat.set()
        elif what == "wait-beat":
            state.beat.wait(300)
        elif what == "end-sessions":
            with state.lock:
                state.sessions.clear()
        elif what == "report":
            with state.lock:
                state.reports.append(json.loads(self.body))
                del state.reports[:-100]
        elif what == "reports":
            with state.lock:
                reports = list(state.reports)
            return self.json(reports)
        with state.lock:
            values = dict(state.values)
        return self.json(values)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port, tls=None):
        self.tls = tls
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # HTTPServer's would look up a name
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request, client_address):
        if self.tls:
            request.settimeout(10)
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except (OSError, ssl.SSLError):
                return
        super().finish_request(request, client_address)
        if self.tls:
            try:
                request.unwrap()
            except (OSError, ValueError):
                pass
            request.close()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, action="append", default=[], help="of the first, and of the second; 0: any")
    parser.add_argument("--tls", action="append", default=[], metavar="CERTIFICATE,KEY", help="a further port, with TLS")
    arguments = parser.parse_args()
    servers = [Server(port) for port in (arguments.port + [0, 0])[:2]]
    Handler.origins = [f"http://127.0.0.1:{server.server_port}" for server in servers]
    for pair in arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair.split(","))
        servers.append(Server(0, context))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", *(server.server_port for server in servers), flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)  # threads hang in answers that never end


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
