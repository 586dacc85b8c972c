#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Power lost at the end of an enrolment: the next boots finish it, without a person at the console."""

import signal

from rig import cluster, scenario, story


def finishes_by_itself(scene):
    site = scene.cluster(cluster.Cluster.create(scene.folder / "cluster")).start()
    node = scene.node(story.halfkey_image())
    node.disk.put(story.ENROLMENT, story.with_unique_key(site.enrolment()))
    cut_before_commit(scene, node, site)
    name = finish(scene, node, site)
    lose_the_configuration(scene, node, site, name)


def cut_before_commit(scene, node, site):
    """The token stands, the verifier has not heard of it: it stops answering, then the power goes."""
    with node:
        node.wait_for("registered with", 180)
        site.process.send_signal(signal.SIGSTOP)
        node.wait_for("volume 'root' is sealed", 120)
    site.process.send_signal(signal.SIGCONT)
    scene.equal(committed(site), [], "power went after the token and before the verifier knew of it")


def committed(site):
    return [n["name"] for n in site.nodes() if n["committed"]]


def finish(scene, node, site):
    with node:
        node.wait_for("finishing the enrolment that was interrupted", 180, unless=story.OPEN)
        opened = node.wait_for(story.OPEN, 120, unless=story.PROMPT)
        scene.equal(opened.group(1), "enrolled", "the next boot finishes the enrolment, unattended")
        node.wait_booted()
        scene.equal(node.guest.run("systemctl --failed --no-legend --plain | grep -v halfkey-reattest || true"), "",
                    "no unit failed but the re-attestation of a node that nobody adopted yet")
        node.shut_down()
    (name,) = committed(site)
    return name


def lose_the_configuration(scene, node, site, name):
    """Cut once more, between the verifier's word and the configuration on the ESP. The node is not adopted yet
    either, so the console says what an administrator has to do, and waits for it."""
    node.disk.remove(story.NODE_CONFIG)
    with node:
        node.wait_for(rf"{name} waits to be adopted: halfkey cluster node approve {name} \[node-pending", 180,
                      unless=story.OPEN)
        scene.check(True, "the console names the node and the command that adopts it")
        site.output("node", "approve", name)
        opened = node.wait_for(story.OPEN, 90)
        scene.equal(opened.group(1), "attested", "approved while it waits, it opens in the same boot")
        node.wait_booted()
        scene.equal(story.reattest(node)[0], 0, "and is re-attested")
        node.shut_down()
    scene.check(story.NODE_CONFIG in node.disk.files() and story.ENROLMENT not in node.disk.files(),
                "its configuration is on the ESP again, the secret is gone")
    recovery = scene.folder / "recovery"
    recovery.write_text(site.recovery_key_of(name), encoding="ascii")
    scene.check(story.opens(node.disk.take_root(scene.folder / "root"), "--key-file", recovery),
                "the recovery key that the site holds is the one that opens the volume")


scenario.run(finishes_by_itself, limit=900)
