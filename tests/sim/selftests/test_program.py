# SPDX-License-Identifier: MIT
"""The command line, signals, the key."""

import json
import os
import re
import signal
import subprocess
import tempfile
import unittest

from harness import Client, Sim, SIM, PATIENCE_S, sim, ask, status_of


SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")


class Manual(unittest.TestCase):
    """The page and the program name the same things."""

    def read(self, *path):
        with open(os.path.join(SOURCE, *path), encoding="utf-8") as f:
            return f.read()

    def test_every_fault_is_documented_and_no_other(self):
        rows = re.findall(r'^ +(?:FLAG|NUMBER|TEXT|OTHER)\("([a-z0-9-]+)"',
                          self.read("tests", "sim", "sim_scenario.c"), re.MULTILINE)
        page = self.read("man", "weir-sim.1")
        page = page[page.index(".Sh SCENARIOS"):page.index(".Sh CONTROL")]
        items = [part for line in re.findall(r"^\.It (.*)$", page, re.MULTILINE)
                 for part in line.split(" , ")]
        documented = [re.match(r"(?:Cm )?([a-z0-9-]+)", item).group(1) for item in items]
        self.assertGreater(len(rows), 40)
        self.assertEqual(sorted(rows), sorted(documented))

    def test_every_option_and_path_is_documented(self):
        page = self.read("man", "weir-sim.1")
        source = self.read("tests", "sim", "sim_main.c")
        for name in re.findall(r'\{"([a-z-]+)", (?:no|required)_argument', source):
            self.assertIn("Fl Fl " + name, page)
        for file in ("sim_serve.c", "sim_control.c"):
            for method, path in re.findall(r'\{"([A-Z]+)", "([^"]+)"',
                                           self.read("tests", "sim", file)):
                self.assertIn("%s %s" % (method, path), page)


class Program(unittest.TestCase):
    def run_sim(self, *options):
        done = subprocess.run([SIM, *options], capture_output=True, timeout=PATIENCE_S, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_usage(self):
        self.assertEqual(self.run_sim("-V")[0], 0)
        self.assertTrue(self.run_sim("--version")[1].startswith("weir-sim "))
        self.assertIn("usage: weir-sim", self.run_sim("--help")[1])
        for options in (("-x",), ("-p", "x"), ("-p", "65536"), ("-p",), ("more",), ("-k", "")):
            code, out, err = self.run_sim(*options)
            self.assertEqual((code, out), (64, ""), options)
            self.assertTrue(err)

    def test_busy_port_and_bad_address(self):
        code, out, err = self.run_sim("-p", str(sim.port))
        self.assertEqual((code, out), (69, ""))
        self.assertIn(str(sim.port), err)
        self.assertEqual(self.run_sim("-a", "192.0.2.1")[0], 69)

    def test_port_file_and_signals(self):
        for stop in (signal.SIGTERM, signal.SIGINT):
            with tempfile.TemporaryDirectory() as place:
                path = os.path.join(place, "port")
                other = Sim("-P", path, "-q")
                with open(path) as f:
                    self.assertEqual(int(f.read()), other.port)
                self.assertEqual(other.line, "weir-sim: listening on 127.0.0.1:%d\n" % other.port)
                client = Client(other).post("m:stall=1")
                client.read_until(b"t0 ")
                other.process.send_signal(stop)
                code, log = other.process.wait(PATIENCE_S), other.stop()[1]
                self.assertEqual((code, log), (0, ""))

    def test_key(self):
        other = Sim("-k", "secret")
        try:
            for header, status in ((None, 401), ("Authorization: Bearer secret", 200),
                                   ("authorization: bearer secret", 200),
                                   ("Authorization: Bearer secret2", 401),
                                   ("Authorization: secret", 401)):
                headers = ("Connection: close",) + ((header,) if header else ())
                client, head, body = ask("m", to=other, headers=headers)
                self.assertEqual(status_of(head), status, header)
                if status == 401:
                    self.assertEqual(json.loads(body)["error"]["code"], "invalid_api_key")
            self.assertEqual(other.control("GET", "stats")[0], 200)
        finally:
            code, log = other.stop()
        self.assertEqual(code, 0)
        self.assertNotIn("secret", log)
