"""The sockets of ddrecv over reloads and deaths of its roles: an unchanged file is accepted whatever sockets it has, and a taken-over
serve leaves none behind that does not work."""
import ctypes
import http.client
import os
import signal
import socket

import harness

LISTEN_FD = 5  # of serve: the first of its descriptors, after those of every role
SYS_PIDFD_GETFD = 438


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def healthy(connection):
    """True if /healthz of a connection that is not open yet answers."""
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listening_socket(pid):
    """A duplicate of the socket at which that serve listens. Needs root: roles are not dumpable."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.pidfd_open(pid)
    try:
        fd = libc.syscall(SYS_PIDFD_GETFD, handle, LISTEN_FD, 0)
        if fd < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        return socket.socket(fileno=fd)
    finally:
        os.close(handle)


class ReceiverSocketsTest(harness.Test):
    def start(self, name, streams, server=None):
        """ddrecv with streams of these options, each with a key of its own; does not wait."""
        config = {name: {"key": harness.new_key(), **options} for name, options in streams.items()}
        server = {"state_dir": self.path(name + "-state"), **(server or {})}
        return self.receiver_config(config, server, name + ".json", wait=False)

    def reload(self, daemon):
        daemon.send_signal(signal.SIGHUP)

    def test_an_unchanged_file_is_accepted(self):
        ports = [harness.free_port(socket.SOCK_DGRAM) for _ in range(6)]
        shapes = {
            "two-addresses": {"a": {"udp_port": ports[0], "udp_host": "127.0.0.1"}, "b": {"udp_port": ports[0], "udp_host": "127.0.0.2"}},
            "shared": {"a": {"udp_port": ports[1]}, "b": {"udp_port": ports[1]}},
            "unix": {"a": {"udp_port": ports[2], "udp_host": "127.0.0.1"}},
            "two-families": {"a": {"udp_port": ports[3], "udp_host": "127.0.0.1"}, "b": {"udp_port": ports[3], "udp_host": "::1"},
                             "c": {"udp_port": ports[4], "udp_host": "::"}},
            "interface": {"a": {"udp_port": ports[5], "udp_host": "127.0.0.1", "udp_interface": "lo"}},
        }
        daemons = {name: self.start(name, streams, {"http_host": "unix:" + self.path("http.sock")} if name == "unix" else None)
                   for name, streams in shapes.items()}
        for daemon in daemons.values():
            daemon.wait_log(r"streams? at .*; ", 20)
            self.reload(daemon)
        for name, daemon in daemons.items():
            daemon.wait_log(r"the new configuration is in use|is refused", 20)
            self.assertNotIn("is refused", daemon.log(), name)
            daemon.wait_roles("intake", "serve")

        # a third address of the port is added, then one of them is changed: the old socket would be in the way
        daemon, port, path = daemons["two-addresses"], ports[0], self.path("two-addresses.json")
        with open(path) as f:
            text = f.read()
        third = ',\n "c": {"key": "%s", "udp_port": %d, "udp_host": "127.0.0.3"}' % (harness.new_key(), port)
        end = text.rindex("}", 0, text.rindex("}"))
        for name, changed, expected in (("added", text[:end] + third + text[end:], r"(?s)in use.*in use"),
                                        ("changed", text.replace("127.0.0.2", "127.0.0.4"), r"(?s)UDP port %d change only.*refused" % port)):
            with open(path, "w") as f:
                f.write(changed)
            self.reload(daemon)
            daemon.wait_log(expected, 20)

    def test_a_socket_that_serve_shut_down_is_opened_again(self):
        harness.require_root()
        path = self.path("http.sock")
        os.chmod(self.folder, 0o755)
        tcp = self.start("tcp", {"a": {"udp_port": harness.free_port(socket.SOCK_DGRAM)}})
        unix = self.start("unix", {"a": {"udp_port": harness.free_port(socket.SOCK_DGRAM)}}, {"http_host": "unix:" + path})
        ways = {tcp: lambda: http.client.HTTPConnection("127.0.0.1", tcp.http_port, timeout=5), unix: lambda: UnixConnection(path)}

        def shut_down(daemon):
            daemon.wait_log(r"streams? at .*; ", 20)  # a serve that dies while the daemon starts ends it
            serve = daemon.wait_roles("intake", "serve", timeout=20)["serve"]
            harness.wait_until(lambda: healthy(ways[daemon]()), 20, "HTTP")
            with listening_socket(serve) as listening:
                listening.shutdown(socket.SHUT_RDWR)
            self.assertFalse(healthy(ways[daemon]()), "it is deaf now")
            return serve

        # it dies; then it stays, and a reload mends it
        old = {daemon: shut_down(daemon) for daemon in ways}
        for serve in old.values():
            os.kill(serve, signal.SIGKILL)
        for daemon in ways:
            daemon.wait_role_replaced("serve", old[daemon], 20)
            harness.wait_until(lambda: healthy(ways[daemon]()), 20, "HTTP after a death")
        for daemon in ways:
            shut_down(daemon)
            self.reload(daemon)
        for daemon in ways:
            daemon.wait_log(r"the new configuration is in use", 20)
            harness.wait_until(lambda: healthy(ways[daemon]()), 20, "HTTP after a reload")


if __name__ == "__main__":
    harness.main()
