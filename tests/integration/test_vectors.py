"""The check vectors of docs/protocol.md are what openssl computes, and the document quotes them right."""
import os
import subprocess

import harness


class VectorsTest(harness.Test):
    def setUp(self):
        super().setUp()
        with open(os.path.join(harness.SOURCE, "tests/unit/link/vectors.txt")) as f:
            self.text = f.read()
        self.vectors = dict(line.split(" = ") for line in self.text.splitlines())

    def test_openssl_computes_them(self):
        harness.require_program("openssl")
        done = subprocess.run(["bash", os.path.join(harness.SUPPORT, "vectors.sh")], stdout=subprocess.PIPE, text=True, check=True,
                              timeout=60)
        self.assertEqual(done.stdout, self.text)

    def test_the_document_quotes_them(self):
        with open(os.path.join(harness.SOURCE, "docs/protocol.md")) as f:
            document = "".join(f.read().split())
        self.assertEqual(len(self.vectors), 12)
        for name, value in self.vectors.items():
            self.assertIn(value, document, name)

    def test_the_commands_in_the_document_give_them(self):
        harness.require_program("openssl")
        common = ["openssl", "kdf", "-kdfopt", "digest:SHA256"]
        prk = subprocess.run([*common, "-keylen", "32", "-kdfopt", "mode:EXTRACT_ONLY", "-kdfopt", "salt:softdatadiode v1", "-kdfopt",
                              "hexkey:" + self.vectors["key"], "HKDF"], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertEqual(prk.strip().replace(":", "").lower(), self.vectors["prk"])
        key_id = subprocess.run([*common, "-keylen", "4", "-kdfopt", "mode:EXPAND_ONLY", "-kdfopt", "hexkey:" + self.vectors["prk"],
                                 "-kdfopt", "info:key idlobby", "HKDF"], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertEqual(key_id.strip().replace(":", "").lower(), self.vectors["lobby_key_id"])


if __name__ == "__main__":
    harness.main()
