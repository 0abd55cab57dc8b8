"""Debian's Caddy and nginx before ddrecv at a Unix socket, with what config/ has for them, but without TLS and a password."""
import os
import re

import harness


def shipped(name):
    with open(os.path.join(harness.SOURCE, "config", name), encoding="utf-8") as f:
        return f.read()


def _start(test, port, socket_path, arguments, text, env=None):
    assert text.count("unix//run/ddrecv/http.sock") + text.count("unix:/run/ddrecv/http.sock") == 1, text
    with open(arguments[-1], "w") as f:
        f.write(text.replace("/run/ddrecv/http.sock", socket_path))
    process = harness.Process(test, arguments, env=env)

    def answers():
        process._must_run()
        try:
            return harness.http_get(port, "/healthz").status == 200
        except OSError:
            return False
    harness.wait_until(answers, 20, arguments[0])


def caddy(test, socket_path):
    """Starts Caddy in front of the socket; its port."""
    harness.require_program("caddy")
    port = harness.free_port()
    block = re.search(r"^\treverse_proxy .*?^\t}$", shipped("Caddyfile"), re.M | re.S).group()
    home = {"HOME": test.folder, "XDG_DATA_HOME": test.folder, "XDG_CONFIG_HOME": test.folder}
    _start(test, port, socket_path, ["caddy", "run", "--adapter", "caddyfile", "--config", test.path("Caddyfile")],
           f"{{\n\tadmin off\n\tgrace_period 1s\n}}\nhttp://:{port} {{\n{block}\n}}\n", env=home)
    return port


def nginx_config(test, text):
    """All of a configuration of nginx, with text as its servers."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"    {kind}_temp_path {test.folder}/nginx-{kind};\n" for kind in kinds)
    return f"daemon off;\nmaster_process off;\nuser root;\npid {test.folder}/nginx.pid;\nerror_log stderr;\nevents {{\n}}\n" \
        f"http {{\n    access_log off;\n{temporary}{text}}}\n"


def nginx(test, socket_path):
    """Starts nginx in front of the socket; its port."""
    harness.require_program("nginx")
    port = harness.free_port()
    text = re.sub(r"^ *(listen|ssl_|auth_|#).*\n", "", shipped("nginx.conf"), flags=re.M)
    text = text.replace("server_name pictures.example.com", f"listen {port}")
    _start(test, port, socket_path, ["nginx", "-e", "stderr", "-p", test.folder, "-c", test.path("nginx.conf")],
           nginx_config(test, text))
    return port
