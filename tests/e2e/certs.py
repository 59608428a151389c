# SPDX-License-Identifier: MIT
"""Certificates for a case, made with the openssl command in its directory."""

import os
import ssl
import subprocess


def _openssl(directory, *args):
    done = subprocess.run(["openssl", *args], cwd=directory, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    assert done.returncode == 0, f"openssl {args[0]}: {done.stderr}"


class Authority:
    """A private authority; `path` is its own certificate, what caFile wants."""

    def __init__(self, directory, name="authority"):
        self.dir, self.name = directory, name
        self.path = os.path.join(directory, f"{name}.pem")
        _openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2",
                 "-subj", f"/CN=weir test {name}")

    def issue(self, name, hosts="IP:127.0.0.1,IP:::1,DNS:localhost", days=2):
        """A certificate for these hosts; returns the paths (certificate, key)."""
        ext = os.path.join(self.dir, f"{name}.ext")
        with open(ext, "w") as f:
            f.write(f"subjectAltName={hosts}\n")
        _openssl(self.dir, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        _openssl(self.dir, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem",
                 "-CAkey", f"{self.name}.key", "-CAcreateserial", "-days", str(days),
                 "-out", f"{name}.pem", "-extfile", ext)
        return os.path.join(self.dir, f"{name}.pem"), os.path.join(self.dir, f"{name}.key")

    def server(self, name="provider", **kw):
        """A context for a server with a certificate from here."""
        return server_context(*self.issue(name, **kw))


def server_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])  # whoever takes the first finds no HTTP/2 here
    return context
