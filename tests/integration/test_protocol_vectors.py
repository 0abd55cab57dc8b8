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
        self.assertEqual(len(self.vectors), 16)
        for name, value in self.vectors.items():
            self.assertIn(value, document, name)

    def test_parity_is_as_the_document_says(self):
        """The arithmetic once more, with powers of 2."""
        powers = [1]
        while len(powers) < 255:
            powers.append(powers[-1] << 1 ^ (0x11d if powers[-1] & 0x80 else 0))
        self.assertEqual(sorted(powers), list(range(1, 256)))
        log = {value: i for i, value in enumerate(powers)}

        def times(a, b):
            return powers[(log[a] + log[b]) % 255] if a and b else 0

        def inverse(a):
            return powers[-log[a] % 255]
        data = [bytes(range(1 + 15 * j, 16 + 15 * j)) for j in range(3)]
        self.assertTrue(self.vectors["fragment_message"].endswith(data[1].hex()))
        parity = bytearray(15)
        for j in range(3):
            coefficient = inverse((3 + 1) ^ j)
            for at in range(15):
                parity[at] ^= times(coefficient, data[j][at])
        self.assertTrue(self.vectors["parity_message"].endswith(parity.hex()))

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
