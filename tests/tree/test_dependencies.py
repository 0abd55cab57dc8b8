"""Reads the sources, and holds what CONTRIBUTING.md says of the tree: which folder may include which, where the headers of
other libraries stay, and how exported names begin. A finding names both files."""
import os
import re
import unittest

ROOT = os.environ.get("DD_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What a part may include, besides itself. A part is a folder; "send" and "recv" hold two each: what their roles share, and what
# starts the roles.
SENDER_SHARED = {"send/shared", "link", "draw", "base"}
SOURCE_SHARED = SENDER_SHARED | {"send/capture/shared"}
A_SOURCE = SOURCE_SHARED | {"send/capture/net", "send/capture/media", "send/capture/pipeline"}
RECEIVER_SHARED = {"recv/shared", "link", "draw", "base"}
ALLOWED = {
    "base": set(),
    "draw": {"base"},
    "link": {"base"},
    "send/shared": SENDER_SHARED,
    "send/transmit": SENDER_SHARED,
    "send/capture/shared": SENDER_SHARED,
    "send/capture/net": SOURCE_SHARED,
    "send/capture/pipeline": SOURCE_SHARED,
    "send/capture/media": SOURCE_SHARED | {"send/capture/net", "send/capture/pipeline"},
    "send/capture/rtsp": A_SOURCE,
    "send/capture/vnc": A_SOURCE,
    "send/capture/web": A_SOURCE,
    "send/capture/testcard": A_SOURCE,
    "send/capture": None,  # the table of the sources, and the role
    "send": None,
    "recv/shared": RECEIVER_SHARED,
    "recv/intake": RECEIVER_SHARED,
    "recv/serve": RECEIVER_SHARED,
    "recv": None,
}
# files of a folder that belong to another part than the folder's other files
PART_OF_FILE = {
    "send/options.h": "send/shared",
    "send/destination": "send/shared",
    "send/picture": "send/shared",
    "send/rect": "send/shared",
    "send/source_status": "send/shared",
    "send/capture/source": "send/capture/shared",
    "send/capture/worker": "send/capture/shared",
    "send/capture/testcard": "send/capture/testcard",
    "recv/options.h": "recv/shared",
    "recv/stream_state": "recv/shared",
}
# headers of other libraries, and the files that may include them
WRAPPERS = {
    "cjson/": {"base/json.c"},
    "systemd/": {"base/supervisor.c"},
    "openssl/": {"link/boot_tag.c", "link/key.c", "link/seal.c", "link/unseal.c", "send/capture/net/tls.c", "send/capture/net/url.c"},
    "isa-l/erasure_code.h": {"link/fec.c"},
    "isa-l/crc64.h": {"recv/intake/session_store.c"},
    "turbojpeg.h": {"send/transmit/jpeg_encoder.c", "recv/serve/jpeg_codec.c"},
    "microhttpd.h": {"recv/serve/http_server.c", "recv/serve/viewer.c"},
    "rfb/": {"send/capture/vnc/framebuffer.c"},
    "gcrypt.h": {"send/capture/vnc/password.c"},
    "libavformat/": {"send/capture/rtsp/rtsp_source.c"},
    "libavcodec/": {"send/capture/media/video_decoder.c", "send/capture/rtsp/rtsp_source.c",
                    "send/capture/rtsp/frame_selector.c", "send/capture/web/image_decoder.c"},
    "libavutil/": {"send/capture/media/", "send/capture/pipeline/", "send/capture/rtsp/", "send/capture/web/image_decoder.c"},
    "libswscale/": {"send/capture/pipeline/scale.c"},
}
# of the C library, POSIX and Linux
SYSTEM = re.compile(r"^(arpa|linux|net|netinet|sys)/|^(assert|ctype|dirent|endian|errno|fcntl|float|ftw|getopt|grp|ifaddrs|inttypes|limits"
                    r"|locale|malloc|math|netdb|poll|pthread|pwd|sched|signal|spawn|stdarg|stdatomic|stdbool|stddef|stdint|stdio"
                    r"|stdlib|string|strings|threads|time|ucontext|unistd)\.h$")


def sources():
    """Yields (path below src/ or include/dd/, text) of every C file."""
    for top in ("src", "include/dd"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith((".c", ".h")):
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8") as f:
                        yield os.path.relpath(path, os.path.join(ROOT, top)), f.read()


def part(path):
    stem = path[:-2]
    return PART_OF_FILE.get(path) or PART_OF_FILE.get(stem) or os.path.dirname(path)


def is_allowed(user, used):
    allowed = ALLOWED[user]
    if user == used:
        return True
    if allowed is None:  # what starts roles knows all of its program, and nothing of the other
        other = {"send": "recv", "recv": "send"}[user.split("/")[0]]
        inside = used.startswith(user) or not used.startswith(("send", "recv")) or used.endswith("/shared")
        return inside and not used.startswith(other)
    return used in allowed


class DependencyTest(unittest.TestCase):
    def test_every_folder_has_a_rule(self):
        self.assertEqual(sorted({part(path) for path, _ in sources()} - set(ALLOWED)), [])

    def test_rules_name_files_that_exist(self):
        paths = {path for path, _ in sources()}
        named = [name for names in WRAPPERS.values() for name in names] + list(PART_OF_FILE)
        self.assertEqual([name for name in named if not any(path.startswith(name) for path in paths)], [])

    def test_includes_point_one_way(self):
        wrong = []
        for path, text in sources():
            for header in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.M):
                used = part(header.removeprefix("dd/"))
                private = used in ("base", "draw", "link") and not header.startswith("dd/")
                if not is_allowed(part(path), used) or (private and part(path) != used):
                    wrong.append(f"{path} includes {header}")
        self.assertEqual(wrong, [])

    def test_other_libraries_stay_inside_their_wrappers(self):
        wrong = []
        for path, text in sources():
            for header in re.findall(r"^\s*#\s*include\s+<([^>]+)>", text, re.M):
                if SYSTEM.search(header):
                    continue
                files = next((files for prefix, files in WRAPPERS.items() if header.startswith(prefix)), set())
                if path.endswith(".h") or not any(path.startswith(name) for name in files):
                    wrong.append(f"{path} includes <{header}>")
        self.assertEqual(wrong, [])

    def test_exported_functions_begin_with_their_file(self):
        """dd_<file>_…, with or without folders before the file's name; of x_role also dd_x_…"""
        wrong = []
        for path, text in sources():
            if not path.endswith(".h"):
                continue
            *folders, stem = path[:-2].split("/")
            stems = {stem, stem.removesuffix("_role")} | ({folders[-1]} if stem == "options" else set())
            prefixes = {"_".join(["dd", *folders[first:last], name]) for name in stems
                        for first in range(len(folders) + 1) for last in range(first, len(folders) + 1)}
            for name in re.findall(r"^[a-z][\w ]*[ *](dd_\w+)\(", text, re.M):
                if not any(name == prefix or name.startswith(prefix + "_") for prefix in prefixes):
                    wrong.append(f"{path} declares {name}")
        self.assertEqual(wrong, [])

    def test_headers_name_sections_that_exist(self):
        """docs/protocol.md, "Section" """
        with open(os.path.join(ROOT, "docs", "protocol.md"), encoding="utf-8") as f:
            headings = set(re.findall(r"^#+ (.*)$", f.read(), re.M))
        wrong = []
        for path, text in sources():
            for named in re.findall(r'docs/protocol\.md((?:,\s+(?:\*\s+)?"[^"]*")+)', text):
                wrong += [f'{path} names "{title}"' for title in re.findall(r'"([^"]*)"', named) if title not in headings]
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
