#!/usr/bin/python3
"""A fake browser that misbehaves in ways in which Chromium never does. It speaks enough of the Chrome DevTools Protocol over its
descriptors 3 and 4 (--remote-debugging-pipe) to show pictures.

    fake_browser.py FOLDER [Chromium's flags]

FOLDER has the file mode, which says how to behave and is read at the start, and the pictures 0 and 1, as .jpg and .png, which it
shows in turn. It appends a line to FOLDER/asked for its start ("start PID FLAGS…") and for the method of each command.

Standard library only."""
import base64
import json
import os
import random
import select
import signal
import subprocess
import sys
import time

READ, WRITE = 3, 4
WIDTH, HEIGHT = 640, 360  # of its window and of its pictures
FRAME_EVERY = 0.1

LATER = 5  # in modes "… later": pictures that it shows before it misbehaves


class PipeClosed(Exception):
    """ddsend has closed the pipe."""


class Browser:
    def __init__(self, folder, arguments):
        self.folder = folder
        with open(os.path.join(folder, "mode")) as f:
            self.mode = f.read().strip()
        self.pictures = {}
        for kind in ("jpeg", "png"):
            self.pictures[kind] = []
            for i in range(2):
                with open(os.path.join(folder, f"{i}.{'jpg' if kind == 'jpeg' else 'png'}"), "rb") as f:
                    self.pictures[kind].append(base64.b64encode(f.read()).decode())
        self.log_request("start", os.getpid(), *arguments)
        self.buffer, self.shown, self.targets, self.casting, self.next_frame = b"", 0, 0, {}, 0.0
        self.acknowledged = True

    def log_request(self, *words):
        fd = os.open(os.path.join(self.folder, "asked"), os.O_WRONLY | os.O_APPEND)
        os.write(fd, (" ".join(map(str, words)) + "\n").encode())
        os.close(fd)

    # ---- bytes ----

    def write(self, data):
        while data:
            try:
                data = data[os.write(WRITE, data):]
            except BrokenPipeError:
                raise PipeClosed from None

    def send(self, message):
        self.write(json.dumps(message).encode() + b"\0")

    def event(self, method, params, session=None):
        self.send({"method": method, "params": params, **({"sessionId": session} if session else {})})

    def read_commands(self, timeout):
        """Returns the commands that arrive within timeout seconds."""
        if select.select([READ], [], [], timeout)[0]:
            data = os.read(READ, 1 << 20)
            if not data:
                raise PipeClosed
            self.buffer += data
        *whole, self.buffer = self.buffer.split(b"\0")
        return [json.loads(m) for m in whole]

    def never_answer(self):
        """Reads commands and never answers."""
        while True:
            self.read_commands(None)

    # ---- correct behaviour ----

    def result(self, method, params):
        if method == "Browser.getVersion":
            return {"protocolVersion": "1.3", "product": "HeadlessChrome/156.0.0.0", "revision": "@0", "userAgent": "Fake",
                    "jsVersion": "15.6"}
        if method == "Target.createTarget":
            self.targets += 1
            return {"targetId": f"TARGET{self.targets}"}
        if method == "Target.attachToTarget":
            return {"sessionId": "SESSION-" + str(params.get("targetId"))}
        if method == "Target.getTargets":
            return {"targetInfos": []}
        if method == "Browser.getWindowForTarget":
            return {"windowId": 1, "bounds": {"left": 0, "top": 0, "width": WIDTH, "height": HEIGHT, "windowState": "normal"}}
        if method == "Page.navigate":
            return {"frameId": "FRAME", "loaderId": "LOADER"}
        if method == "Page.getFrameTree":
            return {"frameTree": {"frame": {"id": "FRAME", "loaderId": "LOADER", "url": self.url, "securityOrigin": self.url,
                                            "mimeType": "text/html"}}}
        if method == "Page.createIsolatedWorld":
            return {"executionContextId": 1}
        if method == "Page.addScriptToEvaluateOnNewDocument":
            return {"identifier": "1"}
        if method == "Page.captureScreenshot":
            return {"data": self.picture(params.get("format", "png"))}
        if method == "Page.getLayoutMetrics":
            box = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "clientWidth": WIDTH, "clientHeight": HEIGHT, "pageX": 0, "pageY": 0}
            return {"layoutViewport": box, "cssLayoutViewport": box, "contentSize": box, "cssContentSize": box,
                    "visualViewport": box, "cssVisualViewport": box}
        if method in ("Runtime.evaluate", "Runtime.callFunctionOn"):
            return {"result": self.evaluation_result(params)}
        if method == "DOM.getDocument":
            return {"root": {"nodeId": 1, "backendNodeId": 1, "nodeType": 9, "nodeName": "#document", "localName": "", "nodeValue": ""}}
        if method == "DOM.querySelector":
            return {"nodeId": 2}
        return {}

    @staticmethod
    def evaluation_result(params):
        return {"type": "boolean", "value": True} if params.get("returnByValue", True) else {"type": "object", "objectId": "1"}

    url = "http://127.0.0.1/"

    def picture(self, kind):
        self.shown += 1
        return self.pictures["png" if kind == "png" else "jpeg"][self.shown // 4 % 2]

    def send_load_events(self, session):
        """Sends the events of a page that loads."""
        frame = {"id": "FRAME", "loaderId": "LOADER", "url": self.url, "domainAndRegistry": "", "securityOrigin": self.url,
                 "mimeType": "text/html", "secureContextType": "Secure", "crossOriginIsolatedContextType": "NotIsolated",
                 "gatedAPIFeatures": []}
        stamp = time.monotonic()
        request = {"requestId": "LOADER", "loaderId": "LOADER", "timestamp": stamp, "type": "Document", "frameId": "FRAME"}
        self.event("Network.requestWillBeSent", {**request, "documentURL": self.url, "wallTime": time.time(), "initiator": {
            "type": "other"}, "redirectHasExtraInfo": False, "request": {"url": self.url, "method": "GET", "headers": {}}}, session)
        self.event("Page.frameStartedLoading", {"frameId": "FRAME"}, session)
        self.event("Network.responseReceived", {**request, "hasExtraInfo": False, "response": {
            "url": self.url, "status": 200, "statusText": "OK", "headers": {}, "mimeType": "text/html", "connectionReused": False,
            "connectionId": 1, "encodedDataLength": 100, "securityState": "secure"}}, session)
        self.event("Page.frameNavigated", {"frame": frame, "type": "Navigation"}, session)
        self.event("Runtime.executionContextCreated", {"context": {"id": 1, "origin": self.url, "name": "", "uniqueId": "1", "auxData": {
            "isDefault": True, "type": "default", "frameId": "FRAME"}}}, session)
        for name in ("init", "commit", "DOMContentLoaded", "firstPaint", "load", "networkAlmostIdle", "networkIdle"):
            self.event("Page.lifecycleEvent", {"frameId": "FRAME", "loaderId": "LOADER", "name": name, "timestamp": stamp}, session)
        self.event("Network.loadingFinished", {"requestId": "LOADER", "timestamp": stamp, "encodedDataLength": 100}, session)
        self.event("Page.domContentEventFired", {"timestamp": stamp}, session)
        self.event("Page.loadEventFired", {"timestamp": stamp}, session)
        self.event("Page.frameStoppedLoading", {"frameId": "FRAME"}, session)

    def screencast_frame(self, session, kind):
        """Returns an event with a picture of the screencast."""
        return {"method": "Page.screencastFrame", "sessionId": session, "params": {
            "data": self.picture(kind), "sessionId": 1, "metadata": {
                "offsetTop": 0, "pageScaleFactor": 1, "deviceWidth": WIDTH, "deviceHeight": HEIGHT, "scrollOffsetX": 0,
                "scrollOffsetY": 0, "timestamp": time.time()}}}

    def send_screencast_frame(self):
        if self.casting and self.acknowledged and time.monotonic() >= self.next_frame:
            for session, kind in self.casting.items():
                self.send_picture(self.screencast_frame(session, kind))
            self.acknowledged, self.next_frame = False, time.monotonic() + FRAME_EVERY

    def handle_command(self, message):
        """Handles and answers a command."""
        method, session, params = message["method"], message.get("sessionId"), message.get("params") or {}
        self.log_request(method)
        if method == "Page.startScreencast":
            self.casting[session] = params.get("format", "jpeg")
        elif method == "Page.stopScreencast":
            self.casting.pop(session, None)
        elif method == "Page.screencastFrameAck":
            self.acknowledged = True
        elif method == "Page.navigate":
            self.url = params.get("url", self.url)
        answer = {"id": message["id"], "result": self.result(method, params), **({"sessionId": session} if session else {})}
        (self.send_picture if method == "Page.captureScreenshot" else self.send_answer)(answer, method)
        if method == "Page.navigate":
            self.send_load_events(session)
        elif method == "Target.createTarget":
            self.event("Target.targetCreated", {"targetInfo": {"targetId": f"TARGET{self.targets}", "type": "page", "title": "", "url":
                       "about:blank", "attached": False, "canAccessOpener": False}})
        elif method == "Target.closeTarget":
            self.event("Target.targetDestroyed", {"targetId": params.get("targetId")})
        elif method == "Browser.close":
            raise PipeClosed

    # ---- misbehaviour ----

    def send_answer(self, answer, method):
        mode = self.mode
        if mode == "half":
            text = json.dumps(answer).encode()
            self.write(text[:len(text) // 2])
            self.never_answer()
        elif mode == "unknown ids":
            for i in (answer["id"] + 100000, -1, 0, 2 ** 40, 1e300):
                self.send({"id": i, "result": {"unknown": True}})
            self.send(answer)
        elif mode == "twice":
            self.send(answer)
            self.send(answer)
        elif mode == "other ids":
            self.send({**answer, "id": answer["id"] + 1000})
        elif mode == "other sessions":
            self.send({**answer, "sessionId": "NOBODY"})
        elif mode == "wrong types":
            self.write(random.choice([
                b"[]", b"null", b"1", b'"x"', b"{}", b'{"id":[]}', b'{"id":{},"result":1}', b'{"id":true,"result":[]}',
                b'{"id":"%d","result":{}}' % answer["id"], b'{"id":%d,"result":[]}' % answer["id"], b'{"id":%d,"result":null}' % answer["id"],
                b'{"id":%d,"result":{"targetId":1,"sessionId":[],"frameId":{},"data":5,"result":7}}' % answer["id"],
                b'{"method":1,"params":[]}', b'{"method":"Page.screencastFrame","params":{"data":[],"sessionId":{}}}',
                b'{"method":"Page.lifecycleEvent","params":5}', b'{"method":"Target.attachedToTarget","params":{"targetInfo":[]}}']) + b"\0")
        elif mode == "errors":
            self.send({"id": answer["id"], "error": {"code": -32000, "message": "no " * 3000}})
        elif mode == "odd errors":
            self.send({"id": answer["id"], "error": random.choice([1, [], "no", {"code": {}, "message": []}])})
        elif mode == "events first":
            for name in ("Page.frameStartedLoading", "Network.dataReceived", "Runtime.consoleAPICalled", "No.suchEvent"):
                self.event(name, {"frameId": "FRAME", "requestId": "x", "data": "\u4e2d\x00\ud83d\ude00"}, answer.get("sessionId"))
            self.send(answer)
        elif mode == "slow":
            text = json.dumps(answer).encode() + b"\0"
            for i in range(0, len(text), 50):
                self.write(text[i:i + 50])
                time.sleep(0.001)
        else:
            self.send(answer)

    def send_picture(self, message, _=None):
        """Sends a message that has a picture."""
        mode = self.mode
        kind, holder = ("params", message.get("params")) if "params" in message else ("result", message["result"])
        if mode.endswith("later") and self.shown > LATER:
            self.misbehave_later(mode, message)
        elif mode == "no base64":
            self.send({**message, kind: {**holder, "data": "#" * 10000}})
        elif mode == "no picture":
            self.send({**message, kind: {**holder, "data": base64.b64encode(os.urandom(20000)).decode()}})
        elif mode == "empty picture":
            self.send({**message, kind: {**holder, "data": ""}})
        elif mode == "half a picture":
            self.send({**message, kind: {**holder, "data": holder["data"][:len(holder["data"]) // 8 * 4]}})
        elif mode == "vast picture":
            picture = bytearray(base64.b64decode(holder["data"]))
            if picture[:2] == b"\xff\xd8":
                at = next(i for i in range(2, len(picture)) if picture[i] == 0xff and picture[i + 1] in (0xc0, 0xc2))
                picture[at + 5:at + 9] = b"\xff\xdc\xff\xdc"
            else:
                picture[16:24] = b"\x00\x01\x00\x00" * 2
            self.send({**message, kind: {**holder, "data": base64.b64encode(picture).decode()}})
        else:
            self.send_answer(message, "picture") if "id" in message else self.send(message)

    def misbehave_later(self, mode, message):
        if mode == "silent later":
            self.never_answer()
        elif mode == "half later":
            self.write(json.dumps(message).encode()[:5000])
            self.never_answer()
        elif mode == "rubbish later":
            self.rubbish()
        elif mode == "huge later":
            self.huge()
        elif mode == "exits later":
            os._exit(3)
        elif mode == "crashes later":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif mode == "closes later":
            os.close(WRITE)
            os.close(READ)
            time.sleep(3600)

    def rubbish(self):
        while True:
            self.write(os.urandom(65536))
            time.sleep(0.01)

    def huge(self):
        """Sends a message of 100 MiB, with its end."""
        self.write(b'{"id":1,"result":{"x":"')
        for _ in range(1600):
            self.write(b"x" * 65536)
        self.write(b'"}}\0')
        self.never_answer()

    def endless(self):
        self.write(b'{"id":1,"result":{"x":"')
        while True:
            self.write(b"x" * 65536)

    def deep(self):
        self.write(b'{"id":1,"result":' + b"[" * 1000000 + b"]" * 1000000 + b"}\0")
        self.never_answer()

    def flood(self):
        """Sends events as fast as they are read, and answers between them, until many pictures were shown."""
        event = json.dumps({"method": "Network.dataReceived", "params": {"requestId": "1", "dataLength": 5}}).encode() + b"\0"
        while self.shown < 20:
            self.write(event * 500)
            for message in self.read_commands(0):
                self.handle_command(message)
            self.send_screencast_frame()
        self.behave()

    def ignore_closed_pipe(self):
        """Behaves, but does not end when the pipe is closed."""
        try:
            self.behave()
        except PipeClosed:
            pass
        while True:
            time.sleep(3600)

    def stubborn(self):
        """Like ignore_closed_pipe(), with helpers in sessions of their own. None of them ends at SIGTERM."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for _ in range(2):
            subprocess.Popen([sys.executable, __file__, "--helper"], start_new_session=True)
        self.ignore_closed_pipe()

    def behave(self):
        while True:
            for message in self.read_commands(0.02 if self.casting else 1):
                self.handle_command(message)
            self.send_screencast_frame()

    def run(self):
        starts = {"silent": self.never_answer, "rubbish": self.rubbish, "huge": self.huge, "endless": self.endless, "deep": self.deep,
                  "flood": self.flood, "stubborn": self.stubborn, "deaf": self.ignore_closed_pipe}
        if self.mode == "exits":
            sys.exit(1)
        try:
            starts.get(self.mode, self.behave)()
        except PipeClosed:
            pass


if __name__ == "__main__":
    if sys.argv[1:] == ["--helper"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.closerange(0, 10)
        while True:
            time.sleep(3600)
    Browser(sys.argv[1], sys.argv[2:]).run()
