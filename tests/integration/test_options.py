"""The options of the daemons: how they are given, what is refused, and what the messages say."""
import base64
import re
import socket

import harness

# the tables of docs/configuration.md
SENDER = """mode source cloud_ip cloud_port key key_file stream_id interval capture_resolution fit crop mask rotate flip overlay
    jpeg_quality jpeg_subsampling max_packet_size loss_tolerance refresh_interval weight timeout username password password_file
    ca_file rtsp_transport vnc_display web_capture_element pause_browser reload_interval ignore_certificate_errors browser
    browser_memory page_zoom css_file headers_file login_user_selector login_password_selector login_submit_selector
    expect_selector scroll_to timezone locale color_scheme tls_anonymous
    config rate_limit bind_address bind_interface source_port dscp ttl state_dir user capture_user debug quiet sandbox
    check_config generate_key self_test version help""".split()
RECEIVER = """name description group order udp_host udp_port udp_interface key key_file keys stream_id buffer_size buffer_bytes
    max_frame_bytes history_interval history_bytes display_resolution stale_mark live_seconds stale_seconds delay_drift
    config http_host http_socket_mode http_port html_title state_dir max_viewers trusted_proxies embed_origins user serve_user
    forget_session reset_delay debug quiet sandbox check_config version help""".split()


class HelpTest(harness.Test):
    def test_help_lists_every_option(self):
        for program, names in (("ddsend", SENDER), ("ddrecv", RECEIVER)):
            code, out, log = self.run_program(program, "--help")
            self.assertEqual((code, log), (0, ""))
            listed = set(re.findall(r"^\s*--([a-z0-9-]+)", out, re.M))
            self.assertEqual(listed, {n.replace("_", "-") for n in names}, program)

    def test_help_names_defaults(self):
        out = self.run_program("ddsend", "--help")[1]
        for default in ("1280x720", "1400", "100M", "0.05"):
            self.assertIn(default, out)

    def test_version(self):
        for program in ("ddsend", "ddrecv"):
            code, out, _ = self.run_program(program, "--version")
            self.assertEqual(code, 0)
            self.assertRegex(out, program + r".* \d+\.\d+\.\d+")

    def test_every_option_of_a_stream_is_taken_from_a_file(self):
        values = {"mode": "test", "cloud_ip": ["127.0.0.1", "127.0.0.2:7"], "cloud_port": 5005, "key": harness.new_key(),
                  "stream_id": "x", "interval": 0.5, "fit": "contain", "rotate": "0", "flip": "none", "jpeg_quality": 75,
                  "jpeg_subsampling": "444", "max_packet_size": 1200, "loss_tolerance": 0.1, "refresh_interval": 5, "weight": 2,
                  "timeout": 10, "rtsp_transport": "udp", "vnc_display": 1, "pause_browser": True, "browser_memory": "512Mi",
                  "page_zoom": 1.5, "color_scheme": "dark", "tls_anonymous": False}
        path = self.write_json("send.json", {"sender": {"rate_limit": "10M", "state_dir": self.path("state")},
                                             "streams": {"one": values}})
        code, out, log = self.run_program("ddsend", "--config", path, "--check-config")
        self.assertEqual(code, 0, out + log)

    def test_what_has_no_effect_yet_is_said(self):
        out, log = self.run_program("ddsend", "--mode", "test", "--cloud-ip", "127.0.0.1", "--cloud-port", "5005", "--key",
                                    harness.new_key(), "--sandbox", "--state-dir", self.path("s"), "--check-config")[1:]
        self.assertRegex(out + log, r"sandbox.*no effect yet")


class KeyTest(harness.Test):
    def test_generated_keys_differ_and_are_taken(self):
        keys = set()
        for _ in range(3):
            code, out, log = self.run_program("ddsend", "--generate-key")
            self.assertEqual((code, log), (0, ""))
            self.assertEqual(len(base64.b64decode(out, validate=False)), 32)
            self.assertEqual(out.count("\n"), 1)
            keys.add(out)
        self.assertEqual(len(keys), 3)
        path = self.write("new.key", keys.pop())
        for program, arguments in (("ddsend", ["--mode", "test", "--cloud-ip", "127.0.0.1", "--cloud-port", "5005"]),
                                   ("ddrecv", ["--udp-port", "5005"])):
            code, out, log = self.run_program(program, *arguments, "--key-file", path, "--state-dir", self.path("state"),
                                              "--check-config")
            self.assertEqual(code, 0, out + log)

    def test_spellings_of_a_key_are_one_key(self):
        raw = b"\xfb\xff" * 16
        standard = base64.b64encode(raw).decode()
        url_safe = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        self.assertNotEqual(standard, url_safe)
        port = harness.free_port(socket.SOCK_DGRAM)
        receiver = self.receiver("--udp-host", "127.0.0.1", "--udp-port", port, "--key", standard)
        self.card(port, self.key_file(key=url_safe))
        receiver.wait_live()


class ConfigTest(harness.Test):
    def sender_arguments(self):
        return ["--mode", "test", "--cloud-ip", "127.0.0.1", "--cloud-port", "5005", "--key-file", self.key_file(), "--state-dir",
                self.path("state")]

    def test_check_config_opens_nothing(self):
        port = harness.free_port()
        with socket.create_server(("127.0.0.1", port)):
            code, out, log = self.run_program("ddrecv", "--udp-port", "5005", "--http-port", port, "--key-file", self.key_file(),
                                              "--state-dir", self.path("state"), "--check-config")
        self.assertEqual(code, 0, out + log)
        self.assertRegex(out + log, r"(?i)mi?b|memory", "the bound on memory is printed")
        self.assertEqual(self.run_program("ddsend", *self.sender_arguments(), "--check-config")[0], 0)

    def test_one_dash_will_do(self):
        arguments = [a.replace("--", "-") if a.startswith("--") else a for a in self.sender_arguments()]
        self.assertEqual(self.run_program("ddsend", *arguments, "-check-config")[0], 0)
        joined = [f"{a}={b}" for a, b in zip(self.sender_arguments()[::2], self.sender_arguments()[1::2])]
        self.assertEqual(self.run_program("ddsend", *joined, "--check-config")[0], 0)

    def test_comments_in_a_file(self):
        path = self.write("recv.json", '// what is received\n{"server": {}, "streams": { // all of them\n'
                          '"a": {"udp_port": 5005, "key": "%s", "description": "not // a comment"}}}\n' % harness.new_key())
        code, out, log = self.run_program("ddrecv", "--config", path, "--state-dir", self.path("state"), "--check-config")
        self.assertEqual(code, 0, out + log)

    def test_a_file_of_one_stream_with_its_old_names(self):
        path = self.write_json("old.json", {"mode": "rtsp", "rtsp_url": "rtsp://camera/1", "cloud_ip": "127.0.0.1",
                                            "cloud_port": 5005, "key": harness.new_key()})
        code, out, log = self.run_program("ddsend", "--config", path, "--state-dir", self.path("state"), "--check-config")
        self.assertEqual(code, 0, out + log)
        self.assertRegex(out + log, "rtsp_url.*source")

    def test_the_command_line_goes_before_the_file(self):
        path = self.write_json("one.json", {"mode": "test", "cloud_ip": "127.0.0.1", "cloud_port": 5005, "key": harness.new_key(),
                                            "jpeg_quality": 11})
        code, out, log = self.run_program("ddsend", "--config", path, "--state-dir", self.path("state"), "--jpeg-quality", "22",
                                          "--debug", "--check-config")
        self.assertEqual(code, 0, out + log)
        self.assertRegex(out + log, r"jpeg.quality\W+60\W+11\W+22\W+22")

    def test_home_is_expanded(self):
        key = self.key_file("home.key")
        code, out, log = self.run_program("ddrecv", "--udp-port", "5005", "--key-file", "~/home.key", "--state-dir", "~/state",
                                          "--check-config", env={"HOME": self.folder})
        self.assertEqual(code, 0, out + log)
        self.assertTrue(key)


    def test_urls_with_two_readings(self):
        for mode, source in (("rtsp", "rtsp://viewer:p@ss/word@127.0.0.1/1"), ("web", "https://viewer:p@ss/word@localhost/")):
            code, out, log = self.run_program("ddsend", "--mode", mode, "--source", source, "--cloud-ip", "127.0.0.1", "--cloud-port",
                                              5005, "--key", harness.new_key(), "--check-config")
            self.assertNotEqual(code, 0)
            self.assertRegex(out + log, "source: more than one host.*password_file")
            self.assertNotIn("ss/word", out + log)


class SecretTest(harness.Test):
    def test_debug_masks_secrets(self):
        key, password = harness.new_key(), "TopSecret99"
        path = self.write_json("ddsend.json", {"sender": {"state_dir": self.path("state")}, "streams": {"cam": {
            "mode": "rtsp", "source": f"rtsp://viewer:{password}@camera.example.com/1", "cloud_ip": "127.0.0.1", "cloud_port": 5005,
            "key": key}, "two": {"mode": "rtsp", "source": "rtsp://camera.example.com/2", "username": "viewer",
                                 "password": password, "cloud_ip": "127.0.0.1", "cloud_port": 5005, "key": key,
                                 "stream_id": "two"}}})
        code, out, log = self.run_program("ddsend", "--config", path, "--debug", "--check-config")
        self.assertEqual(code, 0, out + log)
        shown = out + log
        self.assertRegex(shown, "key")
        self.assertRegex(shown, "camera.example.com/2")
        self.assertNotIn(key.rstrip("="), shown)
        self.assertNotIn(password, shown)

    def test_debug_masks_the_receivers_keys(self):
        keys = [harness.new_key(), harness.new_key()]
        code, out, log = self.run_program("ddrecv", "--udp-port", "5005", "--keys", ",".join(keys), "--state-dir",
                                          self.path("state"), "--debug", "--check-config")
        self.assertEqual(code, 0, out + log)
        for key in keys:
            self.assertNotIn(key.rstrip("="), out + log)

    def test_secrets_vanish_from_ps(self):
        key, password = harness.new_key(), "TopSecret99"
        port = harness.free_port(socket.SOCK_DGRAM)
        receiver = self.receiver("--udp-host", "127.0.0.1", "--udp-port", port, "--key", key)
        sender = self.sender("--mode=rtsp", f"--source=rtsp://viewer:{password}@127.0.0.1:{harness.free_port()}/x", "--cloud-ip",
                             "127.0.0.1", "--cloud-port", port, "--key=" + key)
        sender.wait_roles("transmit", "capture stream")
        receiver.wait_freshness(lambda f: f["sender"] == "alive", 15, "an alive sender")
        for process in (sender, receiver):
            titles = {process.pid: harness.title(process.pid), **harness.children(process.pid)}
            self.assertEqual(len(titles), 3)
            for title in titles.values():
                self.assertNotIn(key.rstrip("="), title)
                self.assertNotIn(password, title)
            self.assertIn(process.name, titles[process.pid])
            with open(f"/proc/{process.pid}/environ", "rb") as f:
                self.assertNotIn(password.encode(), f.read())

    def test_errors_do_not_tell_secrets(self):
        for wrong in ("TooShort99", harness.new_key()[:-5], "!" * 44):
            _, out, log = self.run_program("ddrecv", "--udp-port", "5005", "--key", wrong, "--check-config")
            self.assertNotIn(wrong, out + log)
        path = self.write("broken.json", '{"server": {}, "streams": {"a": {"key": "TopSecret99", }}}')
        _, out, log = self.run_program("ddrecv", "--config", path, "--check-config")
        self.assertNotIn("TopSecret99", out + log)


if __name__ == "__main__":
    harness.main()
