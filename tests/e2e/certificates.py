"""Certificates for the tests, made by openssl(1): an authority, and leaves with the names that a test wants."""

import pathlib
import ssl
import subprocess


def openssl(*arguments, **options):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Leaf:
    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key

    def pair(self):
        return {"certificate": str(self.certificate), "key": str(self.key)}


class Authority:
    def __init__(self, folder, name="Test CA"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", self.key, "-out", self.certificate)
        self.made = 0

    def leaf(self, *names, days=10, rsa=False, into=None):
        """names: as openssl writes them, "DNS:a.example", "IP:127.0.0.1", "URI:spiffe://..."."""
        self.made += 1
        base = into or self.folder / f"leaf{self.made}"
        request, extensions = base.with_suffix(".csr"), base.with_suffix(".ext")
        leaf = Leaf(base.with_suffix(".pem"), base.with_suffix(".key"))
        algorithm = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        new_key, new_certificate = base.with_suffix(".newkey"), base.with_suffix(".newpem")
        openssl("req", "-new", "-newkey", *algorithm, "-nodes", "-subj", f"/CN=leaf {self.made}", "-keyout", new_key, "-out", request)
        extensions.write_text(f"subjectAltName={','.join(names)}\nextendedKeyUsage=serverAuth,clientAuth\n" if names else "extendedKeyUsage=serverAuth,clientAuth\n")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", days, "-extfile", extensions,
                "-out", new_certificate)
        new_key.rename(leaf.key)
        new_certificate.rename(leaf.certificate)
        return leaf

    def client_context(self, leaf=None, **options):
        context = ssl.create_default_context(cafile=str(self.certificate))
        if leaf:
            context.load_cert_chain(leaf.certificate, leaf.key)
        for name, value in options.items():
            setattr(context, name, value)
        return context

    def server_context(self, leaf, clients=False):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(leaf.certificate, leaf.key)
        if clients:
            context.load_verify_locations(str(self.certificate))
            context.verify_mode = ssl.CERT_REQUIRED
        return context
