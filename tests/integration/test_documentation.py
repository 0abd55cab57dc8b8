"""The documents agree with what the programs say."""
import glob
import os
import re
import subprocess
import urllib.parse

import harness

CONFIGURATION = "docs/configuration.md"
NOT_YET = "**Not yet.**"
# one stream each, with the defaults of everything
MEMORY_EXAMPLES = [("ddrecv", "--udp-port", "5005"),
                   *(("ddsend", "--mode", mode, "--source", source, "--cloud-ip", "127.0.0.1", "--cloud-port", "5005")
                     for mode, source in (("test", ""), ("rtsp", "rtsp://camera.example.com/"), ("vnc", "vnc.example.com"),
                                          ("web", "https://page.example.com/")))]


def read(path):
    with open(os.path.join(harness.SOURCE, path), encoding="utf-8") as f:
        return f.read()


def documents():
    """Paths of all Markdown files of the project, relative to its root."""
    found = []
    for pattern in ("*.md", "*/*.md", "*/*/*.md"):
        found += glob.glob(pattern, root_dir=harness.SOURCE)
    return sorted(p for p in found if not p.startswith("build"))


def listed(program):
    """The options of --help as {name: (limits, default, has effect)}; the default is None where there is none."""
    text = subprocess.run([harness.program(program), "--help"], check=True, capture_output=True, text=True, timeout=20).stdout
    options = {}
    for name, argument, line in re.findall(r"^  --([a-z0-9-]+)( [^\n]+)?\n        ([^\n]*)$", text, re.M):
        default = re.search(r" \[([^\]]*)\](?: \(accepted, [^)]*\))?$", line)
        choices = re.search(r"one of ([a-z0-9]+(?:\|[a-z0-9]+)+)", line)
        limits = re.search(r"from (\S+) to ([^\s\])]+)", line)
        options[name.replace("-", "_")] = (choices.group(1).split("|") if choices else limits.groups() if limits else None,
                                           default.group(1) if default else None if argument else "off",
                                           "has no effect yet" not in line)
    return options


def documented(program):
    """The rows of the tables under "## Options of PROGRAM": {name: (takes, default, meaning)}, without backticks."""
    part = re.search(rf"^## Options of {program}\n(.*?)(?=^## )", read(CONFIGURATION), re.M | re.S).group(1)
    rows = {}
    for line in re.findall(r"^\| `[a-z_]+` \|.*\|$", part, re.M):
        name, takes, default, meaning = [cell.strip().replace("`", "") for cell in line.strip("|").split(" | ")]
        if name in rows:
            raise AssertionError(f"{name} is there twice")
        rows[name] = (takes, default, meaning.rstrip(" |"))
    return rows


def memory_rows(text):
    """The rows of --check-config: [(role, what, MiB)]."""
    return [(role.strip(), what, float(mib)) for role, what, mib in
            re.findall(r"^  (\S.{16}) (\S.*?) +([\d.]+) MiB$", text, re.M)]


def blocks(text, language):
    """The fenced code blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


class OptionsTest(harness.Test):
    def test_every_option_is_documented_and_the_other_way_round(self):
        for program in ("ddsend", "ddrecv"):
            self.assertEqual(sorted(documented(program)), sorted(listed(program)), program)

    def test_defaults_are_those_of_the_programs(self):
        for program in ("ddsend", "ddrecv"):
            rows = documented(program)
            for name, (_, default, _) in listed(program).items():
                self.assertEqual(rows[name][1], default or "–", f"{program}: {name}")

    def test_limits_are_those_of_the_programs(self):
        for program in ("ddsend", "ddrecv"):
            rows = documented(program)
            for name, (limits, _, _) in listed(program).items():
                takes = rows[name][0]
                if isinstance(limits, tuple):
                    self.assertIn(" to ".join(limits), takes, f"{program}: {name}")
                elif limits:
                    self.assertEqual(takes.split(", "), limits, f"{program}: {name}")

    def test_the_table_of_memory_is_what_check_config_prints(self):
        key = harness.new_key()
        printed = []
        for arguments in MEMORY_EXAMPLES:
            code, out, log = self.run_program(*arguments, "--key", key, "--check-config")
            self.assertEqual(code, 0, log)
            printed += [row for row in memory_rows(out) if row[:2] not in [p[:2] for p in printed]]
        part = re.search(r"^## Memory\n(.*?)(?=^## )", read(CONFIGURATION), re.M | re.S).group(1)
        rows = [tuple(cell.strip().replace("`", "") for cell in line.strip("|").split("|"))
                for line in re.findall(r"^\| [a-z].*\|$", part, re.M) if not line.startswith("| role")]
        self.assertEqual([(role, what, float(mib)) for role, what, mib, _ in rows], printed)

    def test_what_has_no_effect_yet_is_marked(self):
        for program in ("ddsend", "ddrecv"):
            rows = documented(program)
            for name, (_, _, has_effect) in listed(program).items():
                self.assertEqual(rows[name][2].startswith(NOT_YET), not has_effect, f"{program}: {name}")


class ExamplesTest(harness.Test):
    """Every ```json block is a whole configuration file."""

    def place(self, example):
        """The example with files of the test in it, and with addresses whose route has a known MTU."""
        for option, path in re.findall(r'"(key_file|password_file)": "([^"]+)"', example):
            name = os.path.basename(path)
            made = self.key_file(name) if option == "key_file" else self.write(name, "secret\n")
            example = example.replace(f'"{path}"', f'"{made}"')
        return example.replace("192.0.2.10", "127.0.0.1").replace("2001:db8::10", "::1")

    def check(self, document, minimum):
        text = read(document)
        examples = blocks(text, "json")
        self.assertGreaterEqual(len(examples), minimum)
        self.assertEqual(text.count("```json"), len(examples), "each block is read")
        for example in map(self.place, examples):
            program = "ddrecv" if '"udp_port"' in example else "ddsend"
            code, out, log = self.run_program(program, "--config", self.write("example.json", example), "--check-config")
            self.assertEqual(code, 0, f"{document}:\n{example}{out}{log}")
            self.assertNotIn("no effect", log, f"{document}:\n{example}")

    def test_readme(self):
        self.check("README.md", 2)

    def test_configuration(self):
        self.check(CONFIGURATION, 3)


def anchor(heading):
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


class LinksTest(harness.Test):
    def test_relative_links_lead_somewhere(self):
        count = 0
        for document in documents():
            for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```$", "", read(document), flags=re.M | re.S)):
                url = urllib.parse.urlsplit(target)
                if url.scheme or url.netloc:
                    continue
                count += 1
                path = os.path.normpath(os.path.join(os.path.dirname(document), url.path)) if url.path else document
                self.assertTrue(os.path.exists(os.path.join(harness.SOURCE, path)), f"{document}: {target}")
                if url.fragment:
                    headings = re.findall(r"^#+ (.*)$", read(path), re.M)
                    self.assertIn(url.fragment, map(anchor, headings), f"{document}: {target}")
        self.assertGreater(count, 5)

    def test_the_documents_are_there(self):
        for path in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", CONFIGURATION, "docs/protocol.md"):
            self.assertTrue(os.path.exists(os.path.join(harness.SOURCE, path)), path)


if __name__ == "__main__":
    harness.main()
