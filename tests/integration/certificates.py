"""Certificates for the servers of tests, made by openssl; all functions return paths. Keys are of the curve P-256."""
import os
import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
HERE = "IP:127.0.0.1,DNS:localhost"

# for openssl ca, which sets both ends of the validity in every release; x509 -req takes days from now, and since 3.4 none below 0
CONFIGURATION = """
[ca]
default_ca = authority
[authority]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = supplied
"""
EXTENSIONS = """
subjectAltName = {names}
extendedKeyUsage = serverAuth
"""
VALID = ["-days", "2"]
EXPIRED = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"]


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def self_signed(test, name, names=HERE):
    """A server's certificate that signs itself: (certificate, key)."""
    certificate, key = test.path(name + ".pem"), test.path(name + ".key")
    openssl("req", "-x509", *KEY, "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-keyout", key, "-out",
            certificate)
    return certificate, key


class Authority:
    """A CA; ca: its certificate."""

    def __init__(self, test, name="authority"):
        self.test, self.ca, self.key = test, test.path(name + ".pem"), test.path(name + ".key")
        openssl("req", "-x509", *KEY, "-days", "2", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                "keyUsage=critical,keyCertSign", "-keyout", self.key, "-out", self.ca)
        os.chmod(self.ca, 0o644)
        folder = test.path(name)
        os.makedirs(folder, exist_ok=True)
        self.configuration = test.write(name + ".conf", CONFIGURATION.format(folder=folder))
        test.write(os.path.join(name, "index"), "")

    def sign(self, name, names=HERE, validity=VALID):
        """A server's certificate for these names: (certificate, key)."""
        certificate, key, request = (self.test.path(name + end) for end in (".pem", ".key", ".csr"))
        openssl("req", *KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        extensions = self.test.write(name + ".ext", EXTENSIONS.format(names=names))
        openssl("ca", "-config", self.configuration, "-batch", "-notext", "-cert", self.ca, "-keyfile", self.key, "-extfile",
                extensions, *validity, "-in", request, "-out", certificate)
        return certificate, key
