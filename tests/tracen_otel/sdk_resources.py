"""Resources as the detectors of SDKs fill them on somebody's machine; what names it or its user holds `canary`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CANARY = "canary"
SERVICE = {"service.name": "weather-agent", "service.version": "1.2.0", "deployment.environment.name": "test"}
PRIVATE_BY_SDK: Mapping[str, Mapping[str, Any]] = {
    "Node": {
        "host.name": "canary-laptop",
        "host.id": "canary4f1c9a",
        "process.command": "/home/canary/agent/index.js",
        "process.command_args": ["/usr/bin/node", "--require", "./canary.js", "--key=canary"],
        "process.executable.name": "/home/canary/.nvm/versions/node/v22.9.0/bin/node",
        "process.executable.path": "/home/canary/.nvm/versions/node/v22.9.0/bin/node",
        "process.owner": "canary",
    },
    "Python": {
        "host.name": "canary-laptop",
        "process.command": "/home/canary/agent.py",
        "process.command_line": "python /home/canary/agent.py --key canary",
        "process.command_args": ["/home/canary/agent.py", "--key", "canary"],
        "process.executable.name": "/home/canary/venv/bin/python",
        "process.executable.path": "/home/canary/venv/bin",
        "process.owner": "canary",
    },
    "Go": {
        "host.name": "canary-laptop",
        "host.id": "canary4f1c9a",
        "os.description": "Debian GNU/Linux 12 (bookworm) (Linux canary-laptop 6.1.0 #1 SMP x86_64)",
        "process.command_args": ["/home/canary/agent", "-key", "canary"],
        "process.executable.name": "canary-agent",
        "process.executable.path": "/home/canary/agent",
        "process.owner": "canary",
    },
    "Java": {
        "host.name": "canary-laptop",
        "host.id": "canary4f1c9a",
        "process.command_line": "/opt/java/bin/java -Duser.home=/home/canary -jar agent.jar",
        "process.command_args": ["/opt/java/bin/java", "-Duser.home=/home/canary", "-jar", "agent.jar"],
        "process.executable.path": "/home/canary/.sdkman/java/bin/java",
    },
    ".NET": {
        "host.name": "canary-laptop",
        "host.id": "canary-4f1c-9a",
        "process.owner": "canary",
        "process.working_directory": "/home/canary",
    },
    "Collector": {
        "host.name": "canary-laptop",
        "host.id": "canary4f1c9a",
        "host.ip": ["192.0.2.7", "canary::7"],
        "host.mac": ["00-00-5E-00-53-canary"],
        "os.description": "Linux canary-laptop 6.1.0",
        "container.command_line": "agent --key canary",
        "device.id": "canary-device",
        "user.email": "canary@mail.example",
    },
    "Jaeger": {"hostname": "canary-laptop", "ip": "canary:192.0.2.7", "client-uuid": "canary4f1c"},
}
TOLD: Mapping[str, Any] = {
    **SERVICE,
    "service.instance.id": "3f2a1b0c-4242-4242-8242-424242424242",
    "telemetry.sdk.language": "nodejs",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "2.1.0",
    "process.pid": 4711,
    "process.parent_pid": 1,
    "process.runtime.name": "nodejs",
    "process.runtime.version": "22.9.0",
    "process.runtime.description": "Node.js",
    "os.type": "linux",
    "os.version": "6.1.0",
    "host.arch": "amd64",
    "host.type": "n1-standard-1",
    "cloud.provider": "gcp",
    "cloud.region": "europe-west4",
    "k8s.pod.name": "weather-agent-7d4b",
    "k8s.namespace.name": "agents",
    "container.id": "4f1c9a",
    "user_agent.original": "curl/8.5",
    "iprouter.name": "edge",
}
"""What an operator names, and what helps to read a trace."""
