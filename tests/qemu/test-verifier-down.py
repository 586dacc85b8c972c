#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""No verifier: a prompt after its time, a key typed there opens after the cap; a verifier that comes back first."""

import re
import time

from rig import machine, scenario, story


def prompt_and_return(scene):
    node, site = story.enrolled(scene).clone(scene)
    name = site.nodes()[0]["name"]
    key = site.recovery_key_of(name)
    site.stop()

    typed_key_opens(scene, node, site, key)
    verifier_comes_back(scene, node, site)


def typed_key_opens(scene, node, site, key):
    with node:
        node.wait_for(r"attesting \(attempt", 90)
        start = time.monotonic()
        node.wait_for(story.PROMPT, 90)
        waited = time.monotonic() - start
        scene.check(25 * 0.9 < waited < machine.scaled(45), f"the prompt comes after {waited:.0f} s")
        scene.check(re.search(r"10\.0\.2\.2:\d+: connection refused", node.console.text(), re.I), "the console says what is wrong")
        node.console.type("not the key\n")
        node.wait_for("that key does not open it", 60)
        node.wait_for(story.PROMPT, 60)
        node.console.type(key + "\n")
        asked = node.console.text().count("asking for a key")
        scene.equal(asked, 2, "one prompt at a time: the first one, and the one after the wrong key")
        scene.check("enter passphrase" not in node.console.text(), "and none of systemd's beside it")
        scene.equal(node.wait_for(story.OPEN, 60).group(1), "recovery", "the recovery key opens root")
        node.wait_booted()
        scene.equal(node.guest.run("systemctl --failed --no-legend --plain | grep -v halfkey-reattest || true"), "",
                    "nothing failed but re-attestation, which has nobody to talk to")
        site.start()
        code, said = story.reattest(node)
        scene.equal(code, 0, "re-attested when the verifier is back: unsealing failed, the cap says `recovery`")
        node.shut_down()


def verifier_comes_back(scene, node, site):
    site.stop()
    with node:
        node.wait_for(story.PROMPT, 150)
        site.start()
        scene.equal(node.wait_for(story.OPEN, 60).group(1), "attested", "a verifier that comes back opens it")
        node.wait_booted()
        text = node.console.text()
        scene.check("emergency" not in text.lower(), "no emergency shell in between")
        node.shut_down()


scenario.run(prompt_and_return, limit=1500)
