# SPDX-License-Identifier: MIT
"""What `make bench` measures and what it needs around it: the provider, a TLS front for it, nginx,
weir. Each is a process (with children) on 127.0.0.1, pinned to the CPUs it was given; all of them end
with the Bench that started them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

import certs
import daemons
import meter

KEY = "bench-key"
SHAPES = ("answer", "stream", "stream-16", "stream-slow", "stream-held")  # models of bench/provider
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

NGINX_CONF = """\
daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid {dir}/{name}.pid;
error_log {dir}/{name}.log warn; events {{ worker_connections 19000; multi_accept on; }}
http {{ access_log off; tcp_nodelay on; keepalive_timeout 300s; keepalive_requests 100000000;
client_body_temp_path {dir}/{name}-body; proxy_temp_path {dir}/{name}-proxy;
fastcgi_temp_path {dir}/{name}-fastcgi; uwsgi_temp_path {dir}/{name}-uwsgi; scgi_temp_path {dir}/{name}-scgi;
client_body_buffer_size 128k; client_max_body_size 32m; {http} }}
"""
NGINX_UPSTREAM = """
upstream {name} {{ server 127.0.0.1:{port}; keepalive 256; keepalive_requests 100000000; keepalive_timeout 300s; }}
"""
NGINX_SERVER = """
server {{ listen 127.0.0.1:{port} {how} backlog=4096 reuseport; location / {{ proxy_pass {scheme}://{upstream};
proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Authorization "Bearer provider-key";
proxy_buffering off; proxy_read_timeout 600s; }} }}
"""


def pinned(cpus):
    """For a new process; None: where its parent is."""
    return lambda: os.sched_setaffinity(0, cpus or os.sched_getaffinity(0))


def is_listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Gateway:
    """`ports`: where a chat request goes, by the provider's scheme. `pids()`: whose cost counts."""

    def __init__(self, name, ports, processes):
        self.name, self.ports, self.processes = name, ports, processes
        self.is_warm = False

    def pids(self):
        return [pid for process in self.processes for pid in meter.family(process.pid)]


class Bench:
    def __init__(self, directory):
        self.dir, self.processes, self.ports = directory, [], daemons.Ports()
        self.shm = f"/weir-bench-{os.getpid()}"
        self.cpus = sorted(os.sched_getaffinity(0))
        # What is measured has the last CPU to itself; with one CPU it shares.
        self.gateway_cpus, self.load_cpus = self.cpus[-1:], self.cpus[:-1] or self.cpus
        os.sched_setaffinity(0, self.load_cpus)
        self.provider_port = self.start_provider(self.load_cpus)

    # ---- processes -----------------------------------------------------------------------------

    def spawn(self, argv, cpus):
        name = os.path.basename(argv[0])
        with open(os.path.join(self.dir, f"{name}.out"), "ab") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       preexec_fn=pinned(cpus))
        self.processes.append(process)
        return process

    def wait(self, condition, process):
        deadline = time.monotonic() + 20
        while not condition():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench: {process.args[0]} does not serve: {self.last_words(process)}")
            time.sleep(0.01)

    def last_words(self, process):
        with open(os.path.join(self.dir, os.path.basename(process.args[0]) + ".out")) as f:
            return f.read()[-1000:]

    def stop(self, *processes):
        for process in processes or reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in processes or list(self.processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self.processes.remove(process)

    def close(self):
        self.stop()
        for name in daemons.shared_memory(self.shm):
            os.unlink(os.path.join("/dev/shm", name))

    # ---- what is around ------------------------------------------------------------------------

    def start_provider(self, cpus, count=1):
        """So many processes on one port."""
        port = self.ports.take()
        for _ in range(count):
            process = self.spawn([daemons.program("tests/bench/provider"), "-p", str(port)], cpus)
        self.wait(lambda: is_listening(port), process)
        return port

    def start_tls_front(self):
        """nginx in front of the provider, as the provider's own TLS; it belongs to the load."""
        self.authority = certs.Authority(self.dir)
        certificate, key = self.authority.issue("provider")
        self.tls_port = self.ports.take()
        server = NGINX_SERVER.format(port=self.tls_port, how="ssl", scheme="http", upstream="provider")
        self.start_nginx_with("tls-front", self.load_cpus, self.tls_port,
                              NGINX_UPSTREAM.format(name="provider", port=self.provider_port)
                              + f"ssl_certificate {certificate}; ssl_certificate_key {key};" + server)

    def start_nginx_with(self, name, cpus, port, http):
        path = os.path.join(self.dir, f"{name}.conf")
        with open(path, "w") as f:
            f.write(NGINX_CONF.format(dir=self.dir, name=name, http=http))
        process = self.spawn([NGINX, "-c", path], cpus)
        self.wait(lambda: is_listening(port), process)
        return process

    # ---- what is measured ----------------------------------------------------------------------

    def direct(self):
        return Gateway("direct", {"http": self.provider_port}, [])

    def start_nginx(self):
        ports = {"http": self.ports.take(), "https": self.ports.take()}
        http = NGINX_UPSTREAM.format(name="provider", port=self.provider_port)
        http += NGINX_UPSTREAM.format(name="tls_provider", port=self.tls_port)
        http += NGINX_SERVER.format(port=ports["http"], how="", scheme="http", upstream="provider")
        http += NGINX_SERVER.format(port=ports["https"], how="", scheme="https", upstream="tls_provider")
        return Gateway("nginx", ports, [self.start_nginx_with("nginx", self.gateway_cpus, ports["http"], http)])

    def write_weir_conf(self, port, scheme="http", workers=1, provider_port=None, access_log=None):
        """One chain a shape, of the same name, so that a request names the same model everywhere."""
        provider = {"id": "bench", "name": "Bench", "type": "generic-openai", "apiKey": "provider-key",
                    "baseUrl": f"http://127.0.0.1:{provider_port or self.provider_port}/v1"}
        if scheme == "https":
            provider.update(baseUrl=f"https://127.0.0.1:{self.tls_port}/v1", caFile=self.authority.path)
        self.last_shm = f"{self.shm}-{port}"
        self.last_socket = f"{self.dir}/tracker-{port}.sock"
        conf = {
            "settings": {"port": port, "apiKeys": [KEY], "defaultChain": SHAPES[0], "logLevel": "warn"},
            "providers": [provider],
            "chains": [{"name": shape, "entries": [{"provider": "bench", "model": shape}]}
                       for shape in SHAPES],
            "server": {"workers": workers, **({"accessLog": access_log} if access_log else {})},
            "tracker": {"socket": self.last_socket, "shm": self.last_shm, "stateFile": ""},
        }
        path = os.path.join(self.dir, f"weir-{port}.yaml")
        with open(path, "w") as f:
            json.dump(conf, f)
        os.chmod(path, 0o600)
        return path

    def spawn_weir(self, conf, cpus):
        return [self.spawn([daemons.program(name), "-f", "-c", conf], cpus)
                for name in ("weir-trackerd", "weir")]

    def start_weir(self, cpus=None, **how):
        port = self.ports.take()
        conf = self.write_weir_conf(port, **how)
        processes = self.spawn_weir(conf, cpus or self.gateway_cpus)
        self.wait(lambda: is_listening(port) and os.path.exists(self.last_socket), processes[1])
        return Gateway("weir", {"http": port, "https": port}, processes)
