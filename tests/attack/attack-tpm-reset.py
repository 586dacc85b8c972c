#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The limit that THREAT-MODEL states: who resets a discrete TPM on running, stolen hardware and replays the genuine log
into it has, to TPM and verifier, booted the genuine chain. Inside the cluster's network both halves come; a node that
was quarantined meanwhile gets nothing."""

import json

import lab
from rig import cluster, host, measured, scenario, story


def reset(scene):
    victim, site = story.enrolled(scene).clone(scene)
    name = site.nodes()[0]["name"]
    story.boot_attested(scene, victim)
    (scene.folder / "eventlog").write_bytes(victim.guest.read(measured.LOG))
    victim.kill()
    root = lab.loot(victim, scene.folder)
    config = json.loads(victim.disk.get(story.NODE_CONFIG))
    config["addresses"] = [site.address.replace(cluster.HOST_SEEN_BY_GUEST, "127.0.0.1")]
    (scene.folder / "node.json").write_text(json.dumps(config), encoding="utf-8")

    unseal, unlock = steal(scene, victim, root, "reset")
    scene.equal((unseal, unlock), ("opened", "released"), "a TPM that was reset and told the genuine log is believed: the limit")
    lab.attacked("tpm-reset", "TPM reset, genuine log replayed", "both halves come: a residual of THREAT-MODEL")
    site.output("node", "quarantine", name, "--reason", "stolen")
    unseal, unlock = steal(scene, victim, root, "quarantined")
    scene.equal(unlock, "refused: node-quarantined", "a quarantined node gets nothing")
    lab.attacked("tpm-reset", "the same, once the node is quarantined", f"unlock: {unlock}")


def steal(scene, victim, root, name):
    with lab.server(victim.tpm.clone(scene.folder / f"tpm-{name}")) as tcti:
        text = lab.output(host.BUILD / "tests/qemu/steal", root, scene.folder / "node.json", scene.folder / "eventlog", tcti,
                          scenario.CMDLINE)
    lines = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    return lines.get("unseal", text), lines.get("unlock", text)


scenario.run(reset, limit=900)
